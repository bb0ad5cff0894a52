//! IndexedDB keys as they stand in a file.

use wakeworker_indexeddb::Key;

/// Whatever is accepted as a key has parts that make the same bytes again, and two keys are ordered as their bytes are.
pub fn indexeddb_key(bytes: &[u8]) {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let read = |bytes: &[u8]| {
        let key = Key::from_bytes(bytes.to_vec()).ok()?;
        let parts = key.parts().unwrap();
        assert_eq!(Key::from_parts(parts).unwrap(), key, "a key has one spelling");
        Some(key)
    };
    read(bytes);
    if let (Some(a), Some(b)) = (read(first), read(second)) {
        assert_eq!(a.cmp(&b), a.as_bytes().cmp(b.as_bytes()));
        assert_eq!(a == b, first == second);
    }
}
