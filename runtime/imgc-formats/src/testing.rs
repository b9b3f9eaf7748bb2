//! For tests: Bytes as a sparse file, for tools to look at.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
};

use imgc_image::{Blobs, Bytes, read::Walk};

/// Writes Bytes into a new file, holes left as holes.
pub fn write_sparse(bytes: &Arc<Bytes>, store: &dyn Blobs, path: &Path) {
    let mut file = File::create(path).unwrap();
    file.set_len(bytes.len()).unwrap();
    let mut buf = Vec::new();
    for leaf in Walk::new(bytes) {
        let mut done = 0;
        while done < leaf.len {
            let part = (leaf.len - done).min(1 << 20);
            buf.resize(part as usize, 0);
            store.read_at(&leaf.blob, leaf.offset + done, &mut buf).unwrap();
            file.seek(SeekFrom::Start(leaf.at + done)).unwrap();
            file.write_all(&buf).unwrap();
            done += part;
        }
    }
}
