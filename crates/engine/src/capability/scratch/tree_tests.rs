use super::*;
use crate::LimitKind;

const LIMITS: ScratchLimits = ScratchLimits { bytes: 100, files: 4 };

fn root() -> Arc<Dir> {
    Dir::root(LIMITS, Work::default())
}

fn make(root: &Arc<Dir>, path: &str) -> Arc<File> {
    match root.open(path, Opening { create: true, ..Opening::default() }) {
        Ok(Node::File(file)) => file,
        other => panic!("{path}: {other:?}"),
    }
}

fn names(dir: &Arc<Dir>) -> Vec<String> {
    dir.list().map(|(name, _)| name).collect()
}

fn used(root: &Dir) -> (u64, u64) {
    root.place.account.used()
}

#[test]
fn what_is_written_is_read_and_gaps_are_zeros() {
    let root = root();
    let file = make(&root, "a");
    file.write(2, b"xyz").expect("there is room");
    file.append(b"!").expect("there is room");
    file.write(1_000, b"").expect("nothing needs no room");
    assert_eq!((file.read(0, 100), file.read(4, 1), file.read(6, 9)), (b"\0\0xyz!".to_vec(), b"z".to_vec(), vec![]));
    file.set_len(1).expect("smaller is always possible");
    assert_eq!((file.len(), used(&root)), (1, (2, 1)), "its byte, and its name's");
}

#[test]
fn no_path_leads_out() {
    let root = root();
    root.make_dir("d").expect("there is room");
    let inside = root.get("d").and_then(|node| node.dir().cloned()).expect("it is a directory");
    for path in ["/", "/etc/passwd", "..", "../x", "d/../..", "./../d", "d/./../../d"] {
        assert_eq!(root.get(path).err(), Some(TreeError::NotPermitted), "{path}");
        assert_eq!(root.make_dir(path).err(), Some(TreeError::NotPermitted), "{path}");
    }
    assert_eq!(inside.get("../d").err(), Some(TreeError::NotPermitted), "a handle is the end of `..`");
    for path in ["d/..", ".", "d/../d", "./d/", "d/."] {
        assert!(root.get(path).is_ok_and(|node| node.dir().is_ok()), "{path}");
    }
    for path in ["x/../d", ""] {
        assert_eq!(root.get(path).err(), Some(TreeError::NoEntry), "{path}");
    }
    assert_eq!(root.get(&"d/".repeat(3_000)).err(), Some(TreeError::NameTooLong));
    assert_eq!(root.make_dir(&"d".repeat(256)).err(), Some(TreeError::NameTooLong));
}

#[test]
fn opening_does_what_it_was_asked() {
    let root = root();
    root.make_dir("d").expect("there is room");
    make(&root, "f").write(0, b"x").expect("there is room");
    let how = |create, exclusive, directory, truncate| Opening { create, exclusive, directory, truncate };
    let cases = [
        ("f", how(false, false, false, false), None),
        ("x", how(false, false, false, false), Some(TreeError::NoEntry)),
        ("x", how(true, false, true, false), Some(TreeError::NoEntry)),
        ("f", how(true, true, false, false), Some(TreeError::Exists)),
        ("f", how(false, false, true, false), Some(TreeError::NotDirectory)),
        ("f/", how(false, false, false, false), Some(TreeError::NotDirectory)),
        ("f/x", how(true, false, false, false), Some(TreeError::NotDirectory)),
        ("x/", how(true, false, false, false), Some(TreeError::IsDirectory)),
        ("d", how(false, false, false, true), Some(TreeError::IsDirectory)),
        ("f", how(false, false, false, true), None),
    ];
    for (path, how, error) in cases {
        assert_eq!(root.open(path, how).err(), error, "{path} {how:?}");
    }
    assert_eq!(used(&root), (2, 2), "the last one truncates");
}

#[test]
fn renaming_replaces_what_may_be_replaced() {
    let root = Dir::root(ScratchLimits { files: 10, ..LIMITS }, Work::default());
    for dir in ["d", "d/e", "empty"] {
        root.make_dir(dir).expect("there is room");
    }
    make(&root, "f").write(0, b"f").expect("there is room");
    make(&root, "g");
    let cases = [
        ("x", "y", Some(TreeError::NoEntry)),
        ("f", "d", Some(TreeError::IsDirectory)),
        ("d", "f", Some(TreeError::NotDirectory)),
        ("empty", "d", Some(TreeError::NotEmpty)),
        ("d", "d/e/d", Some(TreeError::Invalid)),
        ("d", "d/x", Some(TreeError::Invalid)),
        (".", "x", Some(TreeError::Invalid)),
        ("f", "f", None),
        ("f", "g", None),
        ("d", "empty", None),
    ];
    for (from, to, error) in cases {
        assert_eq!(root.rename(from, &root, to).err(), error, "{from} {to}");
    }
    assert_eq!(names(&root), ["empty", "g"]);
    assert_eq!((root.get("empty/e").is_ok(), used(&root)), (true, (1 + "empty".len() as u64 + 2, 3)));
}

#[test]
fn limits_hold_and_the_first_breach_is_remembered() {
    let root = root();
    let file = make(&root, "a");
    file.write(0, &[1; 99]).expect("there is room");
    for breach in [file.append(b"x"), file.set_len(100), file.write(u64::MAX - 1, b"x"), file.set_len(u64::MAX)] {
        assert_eq!(breach, Err(TreeError::Full));
    }
    assert_eq!((file.read(0, 200), used(&root)), (vec![1; 99], (100, 1)), "nothing was changed");
    let bytes = LimitBreach { kind: LimitKind::ScratchBytes, limit: 100 };
    assert_eq!(root.breach(), Some(bytes));
    assert_eq!((root.make_dir("b"), used(&root)), (Err(TreeError::Full), (100, 1)), "a name takes room too");
    file.set_len(90).expect("smaller is always possible");
    for path in ["b", "c", "d"] {
        root.make_dir(path).expect("there is room");
    }
    assert_eq!(root.make_dir("e"), Err(TreeError::Full));
    assert_eq!(root.open("e", Opening { create: true, ..Opening::default() }).err(), Some(TreeError::Full));
    assert_eq!(root.breach(), Some(bytes));
}

#[test]
fn what_is_removed_is_given_back_when_nobody_has_it_open() {
    let root = root();
    root.make_dir("d").expect("there is room");
    let file = make(&root, "d/a");
    file.write(0, b"hello").expect("there is room");
    assert_eq!(root.remove_dir("d"), Err(TreeError::NotEmpty));
    assert_eq!(root.remove_file("d"), Err(TreeError::IsDirectory));
    assert_eq!(root.remove_dir("d/a"), Err(TreeError::NotDirectory));
    root.remove_file("d/a").expect("it is there");
    root.remove_dir("d").expect("it is empty");
    assert_eq!((file.read(0, 5), used(&root)), (b"hello".to_vec(), (5, 1)), "no name");
    drop(file);
    assert_eq!((used(&root), names(&root).len()), ((0, 0), 0));
    assert_eq!((root.remove_dir("."), root.remove_file("x")), (Err(TreeError::Invalid), Err(TreeError::NoEntry)));
}

#[test]
fn deep_trees_are_taken_apart_without_a_deep_stack() {
    const DEPTH: u64 = 50_000;
    let root = Dir::root(ScratchLimits { bytes: DEPTH, files: DEPTH }, Work::default());
    let mut dir = Arc::clone(&root);
    for _ in 0..DEPTH {
        dir.make_dir("d").expect("there is room");
        dir = dir.get("d").and_then(|node| node.dir().cloned()).expect("it is a directory");
    }
    drop(dir);
    std::thread::Builder::new()
        .stack_size(64 << 10)
        .spawn(move || drop(root))
        .expect("there are threads")
        .join()
        .expect("it has enough stack");
}

#[test]
fn names_are_paid_for_while_they_are_there() {
    let root = root();
    let long = "n".repeat(90);
    make(&root, "a").write(0, b"12345").expect("there is room");
    root.rename("a", &root, &long).expect("there is room");
    assert_eq!(used(&root), (95, 1));
    assert_eq!(root.rename(&long, &root, &"n".repeat(96)), Err(TreeError::Full));
    assert_eq!((names(&root), used(&root)), (vec![long.clone()], (95, 1)), "nothing was changed");
    root.rename(&long, &root, &"m".repeat(90)).expect("it needs no more");
    root.rename(&"m".repeat(90), &root, "a").expect("it needs less");
    assert_eq!(used(&root), (6, 1));
    let (open, longer) = (make(&root, "b"), "l".repeat(50));
    make(&root, &longer);
    open.write(0, b"12").expect("there is room");
    root.rename("b", &root, &longer).expect("the name is paid for");
    assert_eq!(used(&root), (58, 2));
    root.remove_file(&longer).expect("it is there");
    assert_eq!(used(&root), (8, 2), "its name is free, its bytes are not");
    drop(open);
    assert_eq!(used(&root), (6, 1));
}

#[test]
fn names_in_a_directory_that_was_removed_are_given_back_with_it() {
    let root = root();
    root.make_dir("d").expect("there is room");
    let dir = root.get("d").and_then(|node| node.dir().cloned()).expect("it is a directory");
    let listing = dir.list();
    root.remove_dir("d").expect("it is empty");
    make(&dir, "orphan");
    assert_eq!(used(&root), (6, 2));
    drop(dir);
    assert_eq!((listing.map(|(name, _)| name).collect::<Vec<_>>(), used(&root)), (vec!["orphan".to_owned()], (0, 0)));
}

#[test]
fn the_place_that_a_rename_goes_by_may_be_what_it_replaces() {
    let root = root();
    for dir in ["d", "d/e", "empty"] {
        root.make_dir(dir).expect("there is room");
    }
    root.rename("empty/../d", &root, "empty").expect("it may be replaced");
    assert_eq!((names(&root), root.get("empty/e").is_ok(), used(&root)), (vec!["empty".to_owned()], true, (6, 2)));
}

#[test]
fn a_listing_goes_on_after_the_last_name_that_it_gave() {
    let root = Dir::root(ScratchLimits { files: 10, ..LIMITS }, Work::default());
    for name in ["b", "d", "f", "h"] {
        make(&root, name);
    }
    let mut listing = root.list();
    let mut next = || listing.next().map(|(name, _)| name);
    assert_eq!((next().as_deref(), next().as_deref()), (Some("b"), Some("d")));
    for name in ["b", "d", "f"] {
        root.remove_file(name).expect("it is there");
    }
    for name in ["a", "c", "e", "g"] {
        make(&root, name);
    }
    assert_eq!((next().as_deref(), next().as_deref(), next().as_deref()), (Some("e"), Some("g"), Some("h")));
    assert_eq!((next(), next()), (None, None));
    make(&root, "i");
    assert_eq!((next().as_deref(), next()), (Some("i"), None));
}

#[test]
fn sizes_alone_take_no_memory() {
    const SIZE: u64 = 1 << 30;
    let root = Dir::root(ScratchLimits { bytes: SIZE + 1, files: 4 }, Work::default());
    let file = make(&root, "a");
    for _ in 0..1_000 {
        file.set_len(SIZE).expect("there is room");
        file.set_len(0).expect("smaller is always possible");
    }
    file.set_len(SIZE).expect("there is room");
    assert_eq!((file.capacity(), file.read(SIZE - 2, 9)), (0, vec![0; 2]));
    file.write(0, &[1; 10]).expect("there is room");
    assert_eq!(file.read(8, 4), [1, 1, 0, 0]);
    file.write(1_000, &[2; 10]).expect("there is room");
    assert_eq!(file.read(10, 3), [0, 0, 0], "a gap is filled");
    file.set_len(5).expect("smaller is always possible");
    file.set_len(20).expect("there is room");
    assert_eq!(file.read(0, 30), [vec![1; 5], vec![0; 15]].concat(), "what was cut off is zeros");
}

#[test]
fn memory_follows_what_is_written() {
    let root = Dir::root(ScratchLimits { bytes: 1 << 30, files: 4 }, Work::default());
    let file = make(&root, "a");
    let mut written = 0;
    for _ in 0..20_000 {
        file.append(&[1; 100]).expect("there is room");
        written += 100;
        assert!(file.capacity() <= 2 * written + 100, "{written}");
    }
    file.set_len(1_000).expect("smaller is always possible");
    assert!(file.capacity() <= 2_000);
}
