//! The keystores of one directory through changes of keys and interruptions of them.

use super::*;

fn password(text: &str) -> Password {
    text.to_owned().into()
}

#[test]
fn keys_open_with_their_password_only_and_are_never_overwritten() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let made = OperatorKeys::create(directory.path(), &password("right"), Strength::Light).expect("it is empty");
    let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the password is right");
    assert_eq!(made.operator(), opened.operator());
    assert_eq!(made.public_key(), opened.public_key());
    assert_eq!(made.transport_public(), opened.transport_public());
    assert!(matches!(OperatorKeys::open(directory.path(), &password("wrong")), Err(KeysError::Keystore { .. })));
    let again = OperatorKeys::create(directory.path(), &password("right"), Strength::Light);
    assert!(matches!(again, Err(KeysError::Exists(_))));
}

fn registered(keys: &OperatorKeys) -> Registered {
    Registered { bls: keys.public_key().g1(), transport: keys.transport_public() }
}

const BOTH: &[KeyKind] = &[KeyKind::Bls, KeyKind::Transport];

fn locked<T>(
    directory: &Path,
    change: impl FnOnce(&mut LockedKeys<'_>) -> Result<T, KeysError>,
) -> Result<OperatorKeys, KeysError> {
    let password = password("right");
    let mut locked = KeyDirectory { path: directory, password: &password, strength: Strength::Light }.lock()?;
    change(&mut locked)?;
    Ok(locked.keys)
}

/// Gives the keys as the files have them.
fn rotate_only(kinds: &[KeyKind], directory: &Path, registered: &Registered) -> Result<OperatorKeys, KeysError> {
    let kept = locked(directory, |keys| keys.rotate(kinds, registered))?;
    let opened = OperatorKeys::open(directory, &password("right"))?;
    assert_eq!(halves(&opened), halves(&kept));
    Ok(opened)
}

/// All public halves.
fn halves(keys: &OperatorKeys) -> (Registered, Option<G1Point>, Option<PeerKey>) {
    let previous_bls = keys.previous_bls.as_ref().map(|key| key.public_key().g1());
    (registered(keys), previous_bls, keys.previous_transport.as_ref().map(TransportKey::public))
}

fn rotate(directory: &Path, registered: &Registered) -> Result<OperatorKeys, KeysError> {
    rotate_only(BOTH, directory, registered)
}

fn created(directory: &Path) -> OperatorKeys {
    OperatorKeys::create(directory, &password("right"), Strength::Light).expect("it is empty")
}

#[test]
fn rotation_keeps_what_the_chain_has_however_often_it_is_asked_for() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = created(directory.path());
    let in_force = registered(&first);
    let second = rotate(directory.path(), &in_force).expect("the chain has the present keys");
    assert_eq!(second.operator(), first.operator());
    assert_ne!(registered(&second), in_force);
    for _ in 0..2 {
        // The chain does not have the second keys yet, so there is no third.
        let again = rotate(directory.path(), &in_force).expect("the chain has the previous keys");
        assert_eq!(registered(&again), registered(&second));
        assert_eq!(again.previous_bls.map(|key| key.public_key().g1()), Some(in_force.bls));
        assert_eq!(again.previous_transport.map(|key| key.public().0), Some(in_force.transport));
    }
    let third = rotate(directory.path(), &registered(&second)).expect("the chain has the second keys");
    assert_eq!(third.previous_bls.map(|key| key.public_key().g1()), Some(registered(&second).bls));
    assert!(matches!(rotate(directory.path(), &in_force), Err(KeysError::Foreign(_))));
}

#[test]
fn each_key_is_rotated_from_where_the_chain_is() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    let second = registered(&rotate(directory.path(), &first).expect("both are in force"));
    // The chain took the new BLS key and not yet the new transport key.
    let half = Registered { bls: second.bls, ..first };
    let third = rotate(directory.path(), &half).expect("each is here");
    assert_ne!(third.public_key().g1(), second.bls);
    assert_eq!(third.transport_public(), second.transport);
}

/// Every state that an interruption can leave, made of the files that there are before and after each step.
#[test]
fn interrupted_rotation_loses_no_key_and_can_be_repeated() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let path = |name: &str| directory.path().join(name);
    let in_force = registered(&created(directory.path()));
    let steps: [&[(&str, &str)]; 3] = [
        &[("transport.json", "bls.next.json")],
        &[("bls.json", "bls.previous.json.draft"), ("transport.json", "transport.next.json")],
        &[("bls.json", "bls.previous.json")],
    ];
    for copies in steps {
        copies.iter().for_each(|(from, to)| _ = std::fs::copy(path(from), path(to)).expect("it is writable"));
        let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the files are whole");
        assert_eq!(registered(&opened), in_force);
    }
    let rotated = rotate(directory.path(), &in_force).expect("it goes on");
    assert_ne!(registered(&rotated), in_force);
    assert_eq!(rotated.previous_bls.map(|key| key.public_key().g1()), Some(in_force.bls));
    assert!(!path("bls.next.json").exists() && !path("bls.previous.json.draft").exists());
}

#[test]
fn node_speaks_with_the_key_that_the_chain_names() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    let rotated = || rotate(directory.path(), &first).expect("it is in force");
    let second = PeerKey(rotated().transport_public());
    let first = PeerKey(first.transport);
    for (named, spoken) in [(Some(first), first), (Some(second), second), (None, second)] {
        assert_eq!(rotated().for_node(named).transport.public(), spoken);
    }
}

#[test]
fn one_key_rotates_without_the_other() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    let second = rotate_only(&[KeyKind::Transport], directory.path(), &first).expect("it is in force");
    assert_eq!(second.standing(KeyKind::Bls, &first).ok(), Some(Standing::InForce));
    assert_eq!(second.standing(KeyKind::Transport, &first).ok(), Some(Standing::Begun));
    assert!(second.previous_bls.is_none());
}

#[test]
fn foreign_key_stops_both_before_anything_is_written() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    let foreign = Registered { transport: B256::repeat_byte(9), ..first };
    assert!(matches!(rotate(directory.path(), &foreign), Err(KeysError::Foreign(KeyKind::Transport))));
    let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the files are whole");
    assert_eq!((registered(&opened), opened.previous_bls.is_none()), (first, true));
}

#[test]
fn key_that_cannot_be_registered_is_replaced_and_the_one_before_stays() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    let second = registered(&rotate(directory.path(), &first).expect("both are in force"));
    locked(directory.path(), |keys| keys.replace(KeyKind::Transport)).expect("the files are whole");
    let third = OperatorKeys::open(directory.path(), &password("right")).expect("the files are whole");
    assert_ne!(third.transport_public(), second.transport);
    assert_eq!(third.public_key().g1(), second.bls);
    assert_eq!(third.standing(KeyKind::Transport, &first).ok(), Some(Standing::Begun));
}

#[test]
fn imagined_keys_are_written_nowhere() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let in_force = registered(&created(directory.path()));
    let imagine = |keys: &mut LockedKeys<'_>| {
        BOTH.iter().for_each(|kind| keys.imagine(*kind));
        Ok(())
    };
    let imagined = locked(directory.path(), imagine).expect("the files are whole");
    assert_ne!(imagined.public_key().g1(), in_force.bls);
    assert_ne!(imagined.transport_public(), in_force.transport);
    let opened = OperatorKeys::open(directory.path(), &password("right")).expect("the files are whole");
    assert_eq!(registered(&opened), in_force);
}

#[test]
fn two_never_change_keys_at_once() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    created(directory.path());
    let lock_again = |_: &mut LockedKeys<'_>| {
        assert!(matches!(locked(directory.path(), |_| Ok(())), Err(KeysError::Busy(_))));
        Ok(())
    };
    locked(directory.path(), lock_again).expect("nobody else has it");
    locked(directory.path(), |_| Ok(())).expect("nobody has it any more");
}

#[cfg(unix)]
#[test]
fn only_their_owner_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let first = registered(&created(directory.path()));
    // Whatever somebody made of the present one.
    let loose = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(directory.path().join("bls.json"), loose).expect("it is ours");
    rotate(directory.path(), &first).expect("both are in force");
    let files = std::fs::read_dir(directory.path()).expect("it is readable").flatten();
    let modes: Vec<_> = files.map(|file| file.metadata().expect("it is there").permissions().mode() & 0o777).collect();
    assert_eq!(modes, [0o600; 5]);
}
