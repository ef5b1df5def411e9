use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

/// The smallest component there is, and its entry of some kilobytes.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
const DIGEST: ComponentDigest = ComponentDigest(tandem_types::B256::repeat_byte(1));
const OTHER: ComponentDigest = ComponentDigest(tandem_types::B256::repeat_byte(2));

/// A cache in a directory of its own, with an engine and code to keep.
struct World {
    directory: TempDir,
    wasm: wasmtime::Engine,
    code: Code,
}

impl World {
    fn new() -> Self {
        Self::with(wasmtime::Config::new().consume_fuel(true))
    }

    fn with(config: &wasmtime::Config) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let wasm = wasmtime::Engine::new(config).expect("the settings fit together");
        let code = Code::from_binary(&wasm, EMPTY).expect("it is a component");
        Self { directory, wasm, code }
    }

    fn config(&self) -> CacheConfig {
        CacheConfig::new(self.directory.path().join("cache"))
    }

    fn open(&self) -> Cache {
        Cache::open(&self.config(), &self.wasm).expect("the directory is ours")
    }

    /// A cache that holds the code under [`DIGEST`].
    fn filled(&self) -> Cache {
        let cache = self.open();
        cache.store(DIGEST, &self.code);
        assert!(self.has(&cache, DIGEST));
        cache
    }

    fn has(&self, cache: &Cache, digest: ComponentDigest) -> bool {
        cache.load(&self.wasm, digest).is_some()
    }
}

fn entry(cache: &Cache, digest: ComponentDigest) -> Vec<u8> {
    fs::read(cache.path(digest)).expect("the entry is there")
}

fn put(cache: &Cache, digest: ComponentDigest, bytes: &[u8]) {
    fs::write(cache.path(digest), bytes).expect("the directory is writable");
}

#[test]
fn entry_outlives_the_engine() {
    let world = World::new();
    world.filled();
    assert!(world.has(&world.open(), DIGEST));
    assert!(!world.has(&world.open(), OTHER));
}

#[test]
fn flip_of_any_bit_is_found() {
    let world = World::new();
    let cache = world.filled();
    let right = entry(&cache, DIGEST);
    for at in 0..right.len() {
        let mut wrong = right.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(cache.authentic(DIGEST, &wrong).is_none(), "byte {at}");
    }
    let mut wrong = right.clone();
    wrong[right.len() / 2] ^= 1;
    put(&cache, DIGEST, &wrong);
    assert!(!world.has(&cache, DIGEST));
    put(&cache, DIGEST, &right);
    assert!(world.has(&cache, DIGEST));
}

#[test]
fn entry_of_another_length_is_found() {
    let world = World::new();
    let cache = world.filled();
    let right = entry(&cache, DIGEST);
    for length in (0..right.len()).step_by(7).chain(0..=2 * TAG_BYTES) {
        assert!(cache.authentic(DIGEST, &right[..length]).is_none(), "{length} bytes");
    }
    for wrong in [&right[..0], &right[..TAG_BYTES], &right[..right.len() - 1], &[&right[..], &[0]].concat()] {
        put(&cache, DIGEST, wrong);
        assert!(!world.has(&cache, DIGEST), "{} bytes", wrong.len());
    }
}

#[test]
fn entry_does_not_stand_in_for_another_component() {
    let world = World::new();
    let cache = world.filled();
    fs::rename(cache.path(DIGEST), cache.path(OTHER)).expect("the directory is writable");
    assert!(!world.has(&cache, OTHER));
}

#[test]
fn entry_of_other_settings_is_another_entry_and_never_used() {
    let (world, other) = (World::new(), World::with(wasmtime::Config::new().consume_fuel(false)));
    let cache = world.filled();
    let theirs = Cache::open(&world.config(), &other.wasm).expect("the directory is ours");
    assert_ne!(cache.path(DIGEST), theirs.path(DIGEST));
    theirs.store(DIGEST, &other.code);
    put(&cache, DIGEST, &entry(&theirs, DIGEST));
    assert!(!world.has(&cache, DIGEST));
    assert!(other.has(&theirs, DIGEST));
}

#[test]
fn entry_of_another_node_is_never_used() {
    let (world, other) = (World::new(), World::new());
    let (cache, theirs) = (world.open(), other.filled());
    put(&cache, DIGEST, &entry(&theirs, DIGEST));
    assert!(!world.has(&cache, DIGEST));
}

/// What wasmtime wrote, without a tag and with one that anybody can make.
#[test]
fn entry_without_our_tag_is_never_used() {
    let world = World::new();
    let cache = world.filled();
    let code = world.code.serialize().expect("it serialises");
    let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, &[0; TAG_BYTES]), &code);
    for wrong in [code.clone(), [tag.as_ref(), &code].concat()] {
        put(&cache, DIGEST, &wrong);
        assert!(!world.has(&cache, DIGEST));
    }
}

/// Makes an entry unusable.
type Spoil = fn(&Path);

#[test]
fn key_that_is_not_only_ours_is_replaced_and_nothing_it_vouched_for_counts() {
    let spoil: [(&str, Spoil); 5] = [
        ("open to others", |key| fs::set_permissions(key, fs::Permissions::from_mode(0o640)).expect("it is ours")),
        ("cut off", |key| fs::write(key, [7; 31]).expect("it is ours")),
        ("too long", |key| fs::write(key, [7; 33]).expect("it is ours")),
        ("missing", |key| fs::remove_file(key).expect("it is ours")),
        ("a link", |key| {
            fs::rename(key, key.with_extension("aside")).expect("it is ours");
            symlink(key.with_extension("aside"), key).expect("the directory is writable");
        }),
    ];
    for (how, spoil) in spoil {
        let world = World::new();
        world.filled();
        spoil(&world.config().directory.join(KEY));
        let cache = world.open();
        assert!(!world.has(&cache, DIGEST), "{how}");
        cache.store(DIGEST, &world.code);
        assert!(world.has(&world.open(), DIGEST), "{how}");
    }
}

#[test]
fn what_is_no_file_is_not_read() {
    let world = World::new();
    let cache = world.filled();
    let aside = cache.path(DIGEST).with_extension("aside");
    fs::rename(cache.path(DIGEST), &aside).expect("the directory is writable");
    symlink(&aside, cache.path(DIGEST)).expect("the directory is writable");
    assert!(!world.has(&cache, DIGEST));
    fs::remove_file(cache.path(DIGEST)).expect("the directory is writable");
    fs::create_dir(cache.path(DIGEST)).expect("the directory is writable");
    assert!(!world.has(&cache, DIGEST));
    // It cannot be replaced either, which is no failure.
    cache.store(DIGEST, &world.code);
    assert!(!world.has(&cache, DIGEST));
}

#[test]
fn only_this_user_reads_what_is_kept() {
    let world = World::new();
    let cache = world.filled();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    let directory = world.config().directory;
    assert_eq!([mode(&directory), mode(&directory.join(KEY)), mode(&cache.path(DIGEST))], [0o700, 0o600, 0o600]);
}

#[test]
fn directory_that_others_can_write_is_refused() {
    let world = World::new();
    world.filled();
    for mode in [0o770, 0o702] {
        fs::set_permissions(world.config().directory, fs::Permissions::from_mode(mode)).expect("it is ours");
        assert!(Cache::open(&world.config(), &world.wasm).is_err(), "{mode:o}");
    }
}

#[test]
fn directory_that_cannot_be_made_is_an_error() {
    let world = World::new();
    fs::write(world.config().directory, b"in the way").expect("the directory is writable");
    assert!(Cache::open(&world.config(), &world.wasm).is_err());
}

#[test]
fn directory_that_disappears_is_no_failure() {
    let world = World::new();
    let cache = world.filled();
    fs::remove_dir_all(world.config().directory).expect("it is ours");
    cache.store(DIGEST, &world.code);
    assert!(!world.has(&cache, DIGEST));
}

/// Gives an entry an age in seconds.
fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - std::time::Duration::from_secs(seconds);
    File::open(path).and_then(|file| file.set_modified(then)).expect("it is ours");
}

#[test]
fn least_recently_used_makes_room() {
    let world = World::new();
    let bytes = entry(&world.filled(), DIGEST).len() as u64;
    let config = CacheConfig { bytes_max: 2 * bytes + bytes / 2, ..world.config() };
    let cache = Cache::open(&config, &world.wasm).expect("the directory is ours");
    cache.store(OTHER, &world.code);
    age(&cache.path(DIGEST), 20);
    age(&cache.path(OTHER), 10);
    // Its use makes it the younger one.
    assert!(world.has(&cache, DIGEST));
    let third = ComponentDigest(tandem_types::B256::repeat_byte(3));
    cache.store(third, &world.code);
    assert_eq!([DIGEST, OTHER, third].map(|digest| world.has(&cache, digest)), [true, false, true]);
}

#[test]
fn unfinished_drafts_make_room_and_other_files_stay() {
    let world = World::new();
    let bytes = entry(&world.filled(), DIGEST).len() as u64;
    let directory = world.config().directory;
    let (draft, note) = (directory.join("1-1.draft"), directory.join("note"));
    for path in [&draft, &note] {
        fs::write(path, vec![0; 1 << 20]).expect("the directory is writable");
        age(path, 10);
    }
    let config = CacheConfig { bytes_max: 2 * bytes, ..world.config() };
    Cache::open(&config, &world.wasm).expect("the directory is ours").store(OTHER, &world.code);
    assert!(!draft.exists() && note.exists() && directory.join(KEY).exists());
}

#[test]
fn what_is_larger_than_the_cache_is_not_kept() {
    let world = World::new();
    world.filled();
    let config = CacheConfig { bytes_max: 100, ..world.config() };
    let cache = Cache::open(&config, &world.wasm).expect("the directory is ours");
    assert!(!world.has(&cache, DIGEST), "an entry that was allowed before is not read either");
    cache.store(OTHER, &world.code);
    assert!(!cache.path(OTHER).exists());
}
