//! `?pipe=`: what a test wants to be done with an answer before it is sent.

use super::exchange::{Answer, BodyWriter, Content, Request};
use super::hosts::Hosts;
use super::substitute::{Escape, substitute};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// One pipe with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pipe {
    name: String,
    arguments: Vec<String>,
}

/// Splits `header(A,b)|status(404)`. A backslash takes the meaning from the next character.
pub(crate) fn parse(text: &str) -> Result<Vec<Pipe>, String> {
    let mut pipes = Vec::new();
    let mut characters = text.chars();
    while let Some(pipe) =
        parse_one(&mut characters).map_err(|problem| format!("the pipe `{text}` {problem}"))?
    {
        pipes.push(pipe);
    }
    Ok(pipes)
}

fn parse_one(characters: &mut std::str::Chars<'_>) -> Result<Option<Pipe>, &'static str> {
    let mut name = String::new();
    let has_arguments = loop {
        match characters.next() {
            None | Some('|') => break false,
            Some('(') => break true,
            Some(other) => name.push(other),
        }
    };
    if name.is_empty() {
        return if has_arguments { Err("has no name") } else { Ok(None) };
    }
    let mut arguments = Vec::new();
    if has_arguments {
        let mut argument = String::new();
        loop {
            match characters.next().ok_or("is not closed")? {
                ')' => break,
                ',' => arguments.push(std::mem::take(&mut argument)),
                '\\' => argument.push(characters.next().ok_or("ends with a backslash")?),
                other => argument.push(other),
            }
        }
        if !argument.is_empty() || !arguments.is_empty() {
            arguments.push(argument);
        }
        match characters.next() {
            None | Some('|') => {}
            Some(_) => return Err("goes on after its bracket"),
        }
    }
    Ok(Some(Pipe { name: name.trim().to_owned(), arguments }))
}

/// Does with an answer what a pipe says; an error says what it cannot.
pub(crate) fn apply(
    pipe: &Pipe,
    mut answer: Answer,
    request: &Request,
    hosts: &Hosts,
    root: &Path,
) -> Result<Answer, String> {
    let arguments: Vec<&str> = pipe.arguments.iter().map(String::as_str).collect();
    let wrong = || format!("the pipe `{}({})` is not understood", pipe.name, pipe.arguments.join(","));
    match (pipe.name.as_str(), arguments.as_slice()) {
        ("header", [name]) => answer.set(name, ""),
        ("header", [name, value]) => answer.set(name, latin1(value)),
        ("header", [name, value, append]) => match append.trim() {
            "1" | "true" | "True" => answer.headers.push(((*name).to_owned(), latin1(value))),
            _ => answer.set(name, latin1(value)),
        },
        ("status", [code]) => answer.status = code.trim().parse().map_err(|_| wrong())?,
        ("slice", [start, rest @ ..]) => {
            let bytes = whole(&answer)?;
            let length = bytes.len();
            let at = |text: &str, default: usize| match text.trim() {
                "" | "null" | "None" => Ok(default),
                text => text.parse::<i64>().map(|at| index(at, length)).map_err(|_| wrong()),
            };
            let (start, end) = (at(start, 0)?, at(rest.first().unwrap_or(&""), length)?);
            answer = answer.body(bytes.slice(start.min(end)..end));
        }
        ("gzip", []) => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let packed = encoder.write_all(&whole(&answer)?).and_then(|()| encoder.finish());
            answer = answer.body(packed.map_err(|error| error.to_string())?);
            answer.set("Content-Encoding", "gzip");
        }
        ("sub", escape) => {
            let escape = if escape.first() == Some(&"none") { Escape::None } else { Escape::Html };
            let content = substitute(&whole(&answer)?, request, hosts, root, escape)?;
            answer = answer.body(content);
        }
        ("trickle", [plan]) => {
            let (bytes, plan) = (whole(&answer)?, Trickle::parse(plan).ok_or_else(wrong)?);
            let streamed = Answer::streamed(answer.status, |sender| plan.write(bytes, sender));
            answer.body = streamed.body;
            answer.set("Cache-Control", "no-cache, no-store, must-revalidate");
            answer.set("Pragma", "no-cache");
            answer.set("Expires", "0");
        }
        _ => return Err(wrong()),
    }
    Ok(answer)
}

/// Header values of tests are byte strings.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn whole(answer: &Answer) -> Result<Bytes, String> {
    match &answer.body {
        Content::Whole(bytes) => Ok(bytes.clone()),
        Content::Streamed(_) => {
            Err("a body that is streamed already cannot go through another pipe".to_owned())
        }
    }
}

/// A position as Python's slices have it: from the end if it is negative.
fn index(at: i64, length: usize) -> usize {
    let from_end = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at < 0 { length.saturating_sub(from_end) } else { from_end.min(length) }
}

/// `100:d1:50:d0.5:r2`: bytes, delays in seconds, and how often the whole plan is repeated.
#[derive(Clone, Debug, PartialEq)]
struct Trickle {
    steps: Vec<Step>,
    /// 0 stands for as often as there are bytes.
    times: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Bytes(usize),
    Delay(Duration),
}

impl Trickle {
    fn parse(plan: &str) -> Option<Trickle> {
        let mut trickle = Trickle { steps: Vec::new(), times: 1 };
        for item in plan.split(':') {
            if let Some(seconds) = item.strip_prefix('d') {
                let delay = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
                trickle.steps.push(Step::Delay(delay));
            } else if let Some(times) = item.strip_prefix('r') {
                trickle.times = if times.is_empty() { 0 } else { times.parse().ok()? };
            } else {
                trickle.steps.push(Step::Bytes(item.parse().ok()?));
            }
        }
        Some(trickle)
    }

    async fn write(self, mut bytes: Bytes, mut sender: BodyWriter) {
        let mut round = 0;
        while !bytes.is_empty() && (self.times == 0 || round < self.times) {
            round += 1;
            for step in &self.steps {
                match *step {
                    Step::Delay(delay) => tokio::time::sleep(delay).await,
                    Step::Bytes(count) => {
                        let part = bytes.split_to(count.min(bytes.len()));
                        // A client that has gone needs no more.
                        if sender.send_data(part).await.is_err() {
                            return;
                        }
                    }
                }
            }
            if !self.steps.iter().any(|step| matches!(step, Step::Bytes(1..))) {
                break;
            }
        }
        let _ = sender.send_data(bytes).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piped(text: &str) -> Answer {
        let (request, hosts) = (Request::default(), Hosts { http: [1, 2], https: [3, 4] });
        let mut answer = Answer::text(200, "0123456789");
        for pipe in parse(text).unwrap() {
            answer = apply(&pipe, answer, &request, &hosts, Path::new("/")).unwrap();
        }
        answer
    }

    #[test]
    fn headers_are_set_or_appended() {
        let answer = piped("header(Content-Type,a/b)|header(X,1)|header(X,2,True)|status(404)");
        let headers: Vec<_> = answer.headers.iter().map(|(name, value)| (&**name, &value[..])).collect();
        assert_eq!(headers, [("Content-Type", &b"a/b"[..]), ("X", b"1"), ("X", b"2")]);
        assert_eq!(answer.status, 404);
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_a_character() {
        let expected =
            Pipe { name: "header".to_owned(), arguments: vec!["A".to_owned(), "x, (y)".to_owned()] };
        assert_eq!(parse(r"header(A,x\, \(y\))"), Ok(vec![expected]));
    }

    #[test]
    fn slices_count_from_both_ends() {
        for (pipe, expected) in
            [("slice(2,5)", "234"), ("slice(-3)", "789"), ("slice(null,2)", "01"), ("slice(8,20)", "89")]
        {
            assert_eq!(piped(pipe).whole_body().unwrap(), expected, "{pipe}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let (request, hosts) = (Request::default(), Hosts { http: [1, 2], https: [3, 4] });
        for wrong in ["header(", "status(x)", "nothing()", "trickle(q)", "a(b)c"] {
            let done = parse(wrong).and_then(|pipes| {
                apply(&pipes[0], Answer::new(200), &request, &hosts, Path::new("/")).map(drop)
            });
            assert!(done.is_err_and(|message| message.contains("pipe")), "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_writes_in_parts_and_the_rest_at_its_end() {
        use http_body_util::BodyExt;
        let mut answer = piped("trickle(2:d5:3:r1)");
        let Content::Streamed(channel) = &mut answer.body else { panic!("the body is not streamed") };
        let mut parts = Vec::new();
        while let Some(frame) = channel.frame().await {
            parts.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(parts, ["01", "234", "56789"]);
    }
}
