//! Moving the bytes of blobs out of a clone, to be stored beside it, and back in.

use crate::{BlobContent, CloneError, HAS_BLOBS, MAGIC, Reader, Token, VERSION, Writer};

/// Whether bytes are a clone with a Blob or File in it. Bytes that are no clone have none.
pub fn has_blobs(bytes: &[u8]) -> bool {
    matches!(bytes, [MAGIC, VERSION, flags, ..] if flags & HAS_BLOBS != 0)
}

/// The clone with the content of its blobs outside; `store` is given each content and says by which number it is
/// found again.
pub fn blobs_outside<E: From<CloneError>>(
    bytes: &[u8],
    mut store: impl FnMut(&[u8]) -> Result<u64, E>,
) -> Result<Vec<u8>, E> {
    let mut reader = Reader::new(bytes)?;
    let mut writer = Writer::new(bytes.len() + 64);
    while let Some(token) = reader.next()? {
        let Token::Blob { file, media_type, content: BlobContent::Inside(bytes) } = token else {
            writer.write(&token)?;
            continue;
        };
        let content = BlobContent::Outside { number: store(bytes)?, bytes: bytes.len() as u64 };
        // A number may need more bytes than a short content.
        writer.allow_more(20);
        writer.write(&Token::Blob { file, media_type, content })?;
    }
    Ok(writer.finish())
}

/// The reverse of [`blobs_outside`]; `load` gives the content for a number. The whole clone has at most `bytes_max`
/// bytes.
pub fn blobs_inside<E: From<CloneError>>(
    bytes: &[u8],
    bytes_max: usize,
    mut load: impl FnMut(u64) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let mut reader = Reader::new(bytes)?;
    let mut writer = Writer::new(bytes_max);
    while let Some(token) = reader.next()? {
        let Token::Blob { file, media_type, content: BlobContent::Outside { number, bytes } } = token else {
            writer.write(&token)?;
            continue;
        };
        if bytes > bytes_max as u64 {
            return Err(CloneError::TooLarge { bytes_max }.into());
        }
        let loaded = load(number)?;
        if loaded.len() as u64 != bytes {
            return Err(CloneError::BlobMissing { number }.into());
        }
        writer.write(&Token::Blob { file, media_type, content: BlobContent::Inside(&loaded) })?;
    }
    Ok(writer.finish())
}
