use super::*;

const LIMITS: ScratchLimits = ScratchLimits { bytes: 100, files: 4 };

fn root() -> Arc<Dir> {
    Dir::root(LIMITS)
}

fn make(root: &Arc<Dir>, path: &str) -> Arc<File> {
    match root.open(path, Opening { create: true, ..Opening::default() }) {
        Ok(Node::File(file)) => file,
        other => panic!("{path}: {other:?}"),
    }
}

fn names(dir: &Dir) -> Vec<String> {
    dir.list().into_iter().map(|(name, _)| name).collect()
}

fn used(root: &Dir) -> (u64, u64) {
    let Account { bytes, files, .. } = &*root.place.account;
    (bytes.load(Ordering::Relaxed), files.load(Ordering::Relaxed))
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
    assert_eq!((file.len(), used(&root)), (1, (1, 1)));
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
    assert_eq!(used(&root), (0, 2), "the last one truncates");
}

#[test]
fn renaming_replaces_what_may_be_replaced() {
    let root = Dir::root(ScratchLimits { files: 10, ..LIMITS });
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
    assert_eq!((root.get("empty/e").is_ok(), used(&root)), (true, (1, 3)));
}

#[test]
fn limits_hold_and_the_first_breach_is_remembered() {
    let root = root();
    let file = make(&root, "a");
    file.write(0, &[1; 100]).expect("there is room");
    for breach in [file.append(b"x"), file.set_len(101), file.write(u64::MAX - 1, b"x"), file.set_len(u64::MAX)] {
        assert_eq!(breach, Err(TreeError::Full));
    }
    assert_eq!((file.read(0, 200), used(&root)), (vec![1; 100], (100, 1)), "nothing was changed");
    let bytes = LimitBreach { kind: LimitKind::ScratchBytes, limit: 100 };
    assert_eq!(root.breach(), Some(bytes));
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
    assert_eq!((file.read(0, 5), used(&root)), (b"hello".to_vec(), (5, 1)));
    drop(file);
    assert_eq!((used(&root), names(&root).len()), ((0, 0), 0));
    assert_eq!((root.remove_dir("."), root.remove_file("x")), (Err(TreeError::Invalid), Err(TreeError::NoEntry)));
}

#[test]
fn deep_trees_are_taken_apart_without_a_deep_stack() {
    const DEPTH: u64 = 50_000;
    let root = Dir::root(ScratchLimits { bytes: 1, files: DEPTH });
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
