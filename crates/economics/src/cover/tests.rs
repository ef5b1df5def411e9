use super::*;
use crate::number::whole;

/// A small deterministic source of numbers for tests.
pub(super) struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn random_program(dice: &mut Dice) -> Program {
    let items = 1 + dice.roll(9) as usize;
    let goals = 1 + dice.roll(5) as usize;
    let costs: Vec<Ratio> = (0..items).map(|_| whole(dice.roll(30) as i64)).collect();
    let prizes: Vec<Ratio> = (0..goals).map(|_| whole(dice.roll(60) as i64)).collect();
    let mut program = Program::new(&costs, &prizes);
    for prize in &prizes {
        let ways = (0..1 + dice.roll(2))
            .map(|_| (0..1 + dice.roll(2)).map(|_| random_row(dice, &mut program, items)).collect());
        let ways = ways.collect();
        program.goal(prize, ways);
    }
    program
}

fn random_row(dice: &mut Dice, program: &mut Program, items: usize) -> Built {
    let picked: Vec<usize> = (0..items).filter(|_| dice.roll(2) == 0).collect();
    let weights: Vec<(usize, Ratio)> = picked.into_iter().map(|item| (item, whole(1 + dice.roll(20) as i64))).collect();
    let total: Ratio = weights.iter().map(|(_, weight)| weight).sum();
    let share = Ratio::new((1 + dice.roll(11)).into(), 10.into());
    program.row(&weights, &(total * share), dice.roll(2) == 0)
}

#[test]
fn the_search_finds_what_enumeration_finds() {
    let mut dice = Dice(7);
    for round in 0..3_000 {
        let program = random_program(&mut dice);
        let every = program.exhaust().expect("few items, nothing demanded");
        let found = program.solve(&Effort::default(), &mut |_| true).expect("nothing is demanded");
        assert_eq!(found.value, every.best.value, "round {round}: {program:?}");
        assert_eq!(found.upper, found.value, "round {round}");
    }
}

#[test]
fn a_demanded_goal_is_reached_at_the_least_cost() {
    let mut dice = Dice(8);
    for round in 0..1_000 {
        let items = 1 + dice.roll(9) as usize;
        let costs: Vec<Ratio> = (0..items).map(|_| whole(dice.roll(30) as i64)).collect();
        let mut program = Program::new(&costs, [&whole(0)]);
        let way = (0..2).map(|_| random_row(&mut dice, &mut program, items)).collect();
        program.demand(way);
        let found = program.solve(&Effort::default(), &mut |_| true);
        let every = program.exhaust().map(|every| every.best.value);
        assert_eq!(found.as_ref().map(|found| found.value.clone()), every, "round {round}: {program:?}");
        assert!(found.is_none_or(|found| found.upper == found.value));
    }
}

#[test]
fn a_search_that_is_stopped_keeps_a_proven_bound() {
    let mut dice = Dice(9);
    for _ in 0..500 {
        let program = random_program(&mut dice);
        let best = program.exhaust().expect("few items").best.value;
        let stopped =
            program.solve(&Effort { nodes: 1, ..Effort::default() }, &mut |_| false).expect("nothing is demanded");
        assert!(stopped.value <= best && best <= stopped.upper);
        assert_eq!(program.value_of(&picks(&stopped.items, program.costs.len())).expect("no demands").1, stopped.value);
    }
}

#[test]
fn wide_numbers_are_enumerated_as_narrow_ones() {
    let mut dice = Dice(10);
    let factor = BigInt::from(3u8).pow(100);
    for _ in 0..100 {
        let program = random_program(&mut dice);
        let mut wide = program.clone();
        wide.costs.iter_mut().for_each(|cost| *cost *= &factor);
        wide.goals.iter_mut().for_each(|goal| goal.prize *= &factor);
        let (narrow, wide) = (program.exhaust().expect("few items"), wide.exhaust().expect("few items"));
        assert_eq!(narrow.best.value * &factor, wide.best.value);
        assert_eq!(narrow.cheapest.map(|(_, ratio)| ratio), wide.cheapest.map(|(_, ratio)| ratio));
    }
}

fn picks(items: &[usize], of: usize) -> Vec<bool> {
    (0..of).map(|item| items.contains(&item)).collect()
}
