use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::*;
use crate::store::conformance::{image_store_suite, object};

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn set_age(path: &Path, age: Duration) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[tokio::test]
async fn a_directory_passes_the_conformance_suite() {
    let directory = tempfile::tempdir().unwrap();
    image_store_suite(&DirectoryStore::open(directory.path()).unwrap()).await;
    assert_eq!(names(directory.path()), Vec::<String>::new());
}

#[tokio::test]
async fn files_are_private_and_named_after_their_attempt() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    let store = DirectoryStore::open(&directory).unwrap();
    let object = object(0, 3);
    store.put(&object, b"image".to_vec()).await.unwrap();
    let name = format!("{}-0.a3.png", object.file.prefix.expose());
    assert_eq!(names(&directory), [name.as_str()]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&directory), mode(&directory.join(name))),
        (0o700, 0o600)
    );
}

#[tokio::test]
async fn links_and_pipes_in_place_of_an_image_are_not_read() {
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("pictures");
    let store = DirectoryStore::open(&directory).unwrap();
    let elsewhere = outer.path().join("elsewhere");
    fs::write(&elsewhere, "a secret").unwrap();
    let [link, pipe, socket] = [0, 1, 2].map(|index| object(index, 1));
    std::os::unix::fs::symlink(&elsewhere, directory.join(link.expose())).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(directory.join(pipe.expose()))
        .status();
    assert!(made.unwrap().success());
    let path = directory.join(socket.expose());
    let _listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    for object in [link, pipe, socket] {
        let read = tokio::time::timeout(Duration::from_secs(20), store.get(&object));
        assert!(read.await.expect("it does not hang").is_err());
        let opened = tokio::time::timeout(Duration::from_secs(20), store.open(&object));
        assert!(opened.await.expect("it does not hang").is_err());
        // A later write may replace it.
        store.put(&object, b"image".to_vec()).await.unwrap();
        assert_eq!(store.get(&object).await, Ok(Some(b"image".to_vec())));
    }
    assert_eq!(fs::read(&elsewhere).unwrap(), b"a secret");
}

#[tokio::test]
async fn old_files_of_the_store_are_deleted_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(directory.path()).unwrap();
    let (old, new) = (object(0, 1), object(1, 1));
    store.put(&old, vec![1]).await.unwrap();
    store.put(&new, vec![2]).await.unwrap();
    let others = ["README", "part-of-something.png", "x.a1.png"];
    for name in others.iter().chain(&["part-abc.tmp"]) {
        fs::write(directory.path().join(name), "x").unwrap();
        set_age(&directory.path().join(name), Duration::from_secs(7200));
    }
    fs::create_dir(directory.path().join(object(9, 1).expose())).unwrap();
    set_age(
        &directory.path().join(old.expose()),
        Duration::from_secs(7200),
    );
    let hour_ago = Timestamp::from(SystemTime::now()) - Duration::from_secs(3600);
    assert_eq!(store.delete_before(hour_ago).await, Ok(1));
    assert_eq!(store.get(&old).await, Ok(None));
    assert_eq!(store.get(&new).await, Ok(Some(vec![2])));
    let left = names(directory.path());
    assert_eq!(left.len(), others.len() + 2, "{left:?}");
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = DirectoryStore::open(file.join("directory")).unwrap_err();
    assert!(matches!(error, DirectoryError::NotMade { .. }), "{error}");
    // Not even root can write there.
    let error = DirectoryStore::open("/proc/self").unwrap_err();
    assert!(
        matches!(error, DirectoryError::NotWritable { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_check_reports_whether_an_image_can_be_stored() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("pictures");
    let store = DirectoryStore::open(&directory).unwrap();
    assert_eq!(store.check().await, Ok(()));
    assert_eq!(names(&directory), Vec::<String>::new());
    fs::remove_dir(&directory).unwrap();
    fs::write(&directory, "in its place").unwrap();
    assert!(store.check().await.is_err());
    fs::remove_file(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test]
async fn an_error_holds_no_name_of_an_object() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("pictures");
    let store = DirectoryStore::open(&directory).unwrap();
    let object = object(0, 1);
    // A directory in place of the file.
    fs::create_dir_all(directory.join(object.expose()).join("x")).unwrap();
    let errors = [
        store.put(&object, vec![1]).await.unwrap_err(),
        store.get(&object).await.unwrap_err(),
        store.delete(&object).await.unwrap_err(),
    ];
    for error in errors {
        let text = format!("{error} {error:?}");
        assert!(!text.contains(&object.file.prefix.expose()[..8]), "{text}");
        assert!(!text.contains("pictures"), "{text}");
    }
    assert_eq!(
        names(&directory),
        [object.expose()],
        "the temporary file is left"
    );
}
