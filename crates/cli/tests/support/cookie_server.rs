//! A server that answers with the cookies that it got, and sets one that lasts for requests of `/set`.

use std::io::{Read, Write};

/// Gives its address.
pub(crate) fn start() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let cookie = head.lines().find_map(|line| line.strip_prefix("cookie: ")).unwrap_or("").to_owned();
            let sets = head.lines().next().is_some_and(|line| line.contains("/set "));
            let set = if sets { "Set-Cookie: kept=1; Path=/; Max-Age=600\r\n" } else { "" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\n{set}Content-Length: {}\r\nConnection: close\r\n\r\n{cookie}",
                cookie.len()
            );
            // Whoever asked may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}
