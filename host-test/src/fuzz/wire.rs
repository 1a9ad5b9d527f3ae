//! Messages of a plan as bytes of HTTP/1.1, and back.

use std::io::{self, Read};

use super::plan::{End, Message};
use crate::imitation::{Headers, Received};

/// Bytes of a head that are read at most.
const HEAD_BYTES: usize = 256 * 1024;

/// The bytes of a message in the pieces in which they are sent, after its first line.
pub(super) fn pieces(start: &[u8], message: &Message, more: &str, empty: bool) -> Vec<Vec<u8>> {
    let has_length = message.fields.iter().any(|(name, _)| name == "content-length");
    let chunked = message.end != End::Head && !has_length;
    let mut head = [start, b"\r\n", more.as_bytes()].concat();
    for (name, value) in &message.fields {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    if chunked {
        head.extend(b"transfer-encoding: chunked\r\n");
    } else if empty {
        head.extend(b"content-length: 0\r\n");
    }
    head.extend(b"\r\n");
    let mut pieces = vec![head];
    for piece in &message.pieces {
        let framed = match chunked {
            // An empty chunk is the end.
            true if piece.is_empty() => continue,
            true => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
            false => piece.clone(),
        };
        pieces.push(framed);
    }
    if chunked && message.end != End::Never {
        let mut end = b"0\r\n".to_vec();
        for (name, value) in &message.trailers {
            end.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        end.extend(b"\r\n");
        pieces.push(end);
    } else if message.end == End::Never
        && let Some(last) = pieces.last_mut()
    {
        // What has a length is not sent to its end.
        last.pop();
    }
    pieces
}

/// Reads one message; what it lacks of its end shows in `complete`.
///
/// # Errors
/// A time-out: nothing more came, and the connection is open.
pub(super) fn read(stream: &mut impl Read, bodiless: bool) -> io::Result<(String, Received)> {
    let mut bytes = Vec::new();
    let mut received = Received::default();
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD_BYTES || more(stream, &mut bytes)? == 0 {
            return Ok((String::new(), received));
        }
    };
    let rest = bytes.split_off((end + 4).min(bytes.len()));
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let start = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut headers = Headers::default();
    let mut words = start.split(' ');
    if start.starts_with("HTTP/") {
        headers.add(b":status", words.nth(1).unwrap_or_default().as_bytes());
    } else {
        headers.add(b":method", words.next().unwrap_or_default().as_bytes());
        headers.add(b":path", words.next().unwrap_or_default().as_bytes());
    }
    for line in lines {
        if let Some(colon) = find(line, b":") {
            let (name, value) = line.split_at(colon);
            headers.add(name, value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
    let chunked = headers.text("transfer-encoding") == "chunked";
    let length = headers.text("content-length").parse().unwrap_or(0);
    let empty = bodiless || matches!(headers.text(":status"), "204" | "304");
    received.headers = Some(headers);
    received.body = rest;
    if empty {
        received.complete = true;
    } else if chunked {
        read_chunks(stream, &mut received)?;
    } else {
        while received.body.len() < length && more(stream, &mut received.body)? > 0 {}
        received.complete = received.body.len() >= length;
    }
    received.cut = !received.complete;
    Ok((start, received))
}

fn read_chunks(stream: &mut impl Read, received: &mut Received) -> io::Result<()> {
    let mut raw = core::mem::take(&mut received.body);
    loop {
        let Some(line) = find(&raw, b"\r\n") else {
            if more(stream, &mut raw)? == 0 {
                return Ok(());
            }
            continue;
        };
        let text = String::from_utf8_lossy(raw.get(..line).unwrap_or_default()).into_owned();
        let Ok(size) = usize::from_str_radix(text.trim(), 16) else { return Ok(()) };
        if size == 0 {
            return read_trailers(stream, raw.split_off(line + 2), received);
        }
        while raw.len() < line + 2 + size + 2 {
            if more(stream, &mut raw)? == 0 {
                return Ok(());
            }
        }
        let rest = raw.split_off(line + 2 + size + 2);
        received.body.extend(raw.get(line + 2..line + 2 + size).unwrap_or_default());
        raw = rest;
    }
}

fn read_trailers(
    stream: &mut impl Read,
    mut raw: Vec<u8>,
    received: &mut Received,
) -> io::Result<()> {
    while raw != b"\r\n" && find(&raw, b"\r\n\r\n").is_none() {
        if more(stream, &mut raw)? == 0 {
            return Ok(());
        }
    }
    let mut trailers = Headers::default();
    for line in raw.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if let Some(colon) = find(line, b":") {
            let (name, value) = line.split_at(colon);
            trailers.add(name, value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
    received.trailers = Some(trailers).filter(|trailers| !trailers.is_empty());
    received.complete = true;
    Ok(())
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 16 * 1024];
    match stream.read(&mut piece) {
        Ok(count) => {
            bytes.extend(piece.iter().take(count));
            Ok(count)
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
        {
            Err(error)
        }
        // A connection that is reset has ended.
        Err(_) => Ok(0),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
