//! From Sportradar's boxscore to the score that is agreed on. Only the fields below are looked at; others may come and go.

use serde::{Deserialize, Serialize};
use tandem_sdk::Error;

/// What is read of a boxscore.
#[derive(Debug, Deserialize)]
pub(crate) struct Boxscore {
    id: String,
    status: String,
    home: Team,
    away: Team,
}

#[derive(Debug, Deserialize)]
struct Team {
    market: String,
    name: String,
    points: Option<u32>,
}

impl Team {
    fn full_name(&self) -> String {
        format!("{} {}", self.market, self.name)
    }
}

/// The output. Operators agree on its bytes: the order of the fields is part of the format.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Score {
    id: String,
    home_team: String,
    away_team: String,
    home_score: u32,
    away_score: u32,
    status: String,
}

impl Score {
    /// The score of the game `id`.
    pub(crate) fn of(boxscore: Boxscore, id: &str, allow_live: bool) -> Result<Self, Error> {
        let Boxscore { id: found, status, home, away } = boxscore;
        if !found.eq_ignore_ascii_case(id) {
            return Err(Error::unavailable("Sportradar answered with the boxscore of another game"));
        }
        if status != "closed" && !allow_live {
            return Err(Error::not_ready(format!("the game is not closed: its status is `{status}`")));
        }
        let (Some(home_score), Some(away_score)) = (home.points, away.points) else {
            return Err(Error::not_ready(format!("the game has no points yet: its status is `{status}`")));
        };
        Ok(Self { id: found, home_team: home.full_name(), away_team: away.full_name(), home_score, away_score, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "fa15684d-0966-46e7-a3f8-f1d378692109";

    fn boxscore(status: &str, points: &str) -> Boxscore {
        let text = format!(
            r#"{{"id":"{ID}","status":"{status}","coverage":"full","home":{{"market":"A","name":"B"{points}}},"away":{{"market":"C","name":"D"{points}}}}}"#
        );
        serde_json::from_str(&text).expect("the text is a boxscore")
    }

    #[test]
    fn fields_come_in_their_order() {
        let score = Score::of(boxscore("closed", r#","points":1"#), ID, false).expect("the game is closed");
        let json = serde_json::to_string(&score).expect("a score is JSON");
        assert_eq!(
            json,
            format!(
                r#"{{"id":"{ID}","home_team":"A B","away_team":"C D","home_score":1,"away_score":1,"status":"closed"}}"#
            )
        );
    }

    #[test]
    fn live_game_needs_permission() {
        let live = || boxscore("inprogress", r#","points":1"#);
        assert!(Score::of(live(), ID, false).is_err());
        assert!(Score::of(live(), ID, true).is_ok());
    }

    #[test]
    fn missing_points_are_not_zero() {
        assert!(Score::of(boxscore("closed", ""), ID, false).is_err());
        assert!(Score::of(boxscore("closed", r#","points":null"#), ID, false).is_err());
    }

    #[test]
    fn another_game_is_refused() {
        assert!(
            Score::of(boxscore("closed", r#","points":1"#), "00000000-0000-0000-0000-000000000000", false).is_err()
        );
    }
}
