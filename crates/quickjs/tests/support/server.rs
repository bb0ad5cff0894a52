//! A small HTTP/1.1 server: one thread per connection, files that a test can change while it runs.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use url::Url;
use wakeworker_core::StorageKey;

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// Writes a body by hand; an error is a client that has gone.
pub(crate) type WriteBody = Arc<dyn Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync>;

/// What the server answers.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Ends the connection after so many bytes of the body, whatever was promised.
    pub(crate) cut_after: Option<usize>,
    /// Writes the body instead, which then ends with the connection.
    pub(crate) write: Option<WriteBody>,
}

impl Answer {
    /// A body that is written part by part, as fast as the client takes it.
    pub(crate) fn streamed(
        write: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Answer {
        Answer { write: Some(Arc::new(write)), ..Answer::new(200, "application/octet-stream", "") }
    }

    pub(crate) fn script(source: &str) -> Answer {
        Answer::new(200, "text/javascript", source)
    }

    pub(crate) fn new(status: u16, content_type: &str, body: &str) -> Answer {
        Answer {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.as_bytes().to_vec(),
            cut_after: None,
            write: None,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Handler = Box<dyn Fn(&Request) -> Option<Answer> + Send + Sync>;

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<HashMap<String, Answer>>,
    handler: Mutex<Option<Handler>>,
    requests: Mutex<Vec<Request>>,
    stopping: AtomicBool,
    refusing: AtomicBool,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if serving.stopping.load(Ordering::Acquire) {
                    return;
                }
                let serving = serving.clone();
                if let Ok(connection) = connection {
                    std::thread::spawn(move || serve(&serving, connection));
                }
            }
        });
        Server { address, shared, thread: Some(thread) }
    }

    /// A server whose `/sw.js` is this script.
    pub(crate) fn with_worker(source: &str) -> Server {
        let server = Server::start();
        server.put("/sw.js", Answer::script(source));
        server
    }

    pub(crate) fn put(&self, path: &str, answer: Answer) {
        self.shared.files.lock().unwrap().insert(path.to_owned(), answer);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.shared.files.lock().unwrap().remove(path);
    }

    /// Answers what no file answers.
    pub(crate) fn handle(&self, handler: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.handler.lock().unwrap() = Some(Box::new(handler));
    }

    /// While refusing, connections are closed without an answer.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.shared.refusing.store(refusing, Ordering::Release);
    }

    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        self.shared.requests.lock().unwrap().iter().filter(|request| request.path == path).cloned().collect()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin())).unwrap()
    }

    pub(crate) fn key(&self) -> StorageKey {
        StorageKey::first_party(&self.origin())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(shared: &Shared, connection: TcpStream) {
    if shared.refusing.load(Ordering::Acquire) {
        return;
    }
    let mut reader = BufReader::new(&connection);
    let Some(request) = read(&mut reader) else { return };
    shared.requests.lock().unwrap().push(request.clone());
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let file = shared.files.lock().unwrap().get(&path).cloned();
    let answer = file
        .or_else(|| shared.handler.lock().unwrap().as_ref().and_then(|handler| handler(&request)))
        .unwrap_or_else(|| Answer::new(404, "text/plain", "not found"));
    let mut head = format!("HTTP/1.1 {} Reason\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut out = &connection;
    if let Some(write) = &answer.write {
        head.push_str("\r\n");
        let _ = out.write_all(head.as_bytes()).and_then(|()| write(&mut out));
        let _ = connection.shutdown(Shutdown::Write);
        return;
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", answer.body.len()));
    let sent = answer.cut_after.unwrap_or(answer.body.len());
    // A client that aborts is what some tests are about.
    let _ = out.write_all(head.as_bytes()).and_then(|()| out.write_all(&answer.body[..sent]));
    let _ = connection.shutdown(Shutdown::Write);
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let body = if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        read_chunks(reader)?
    } else {
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        body
    };
    Some(Request { method, path, headers, body })
}

fn read_chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let start = body.len();
        body.resize(start + length, 0);
        reader.read_exact(&mut body[start..]).ok()?;
        reader.read_line(&mut line).ok()?;
        if length == 0 {
            return Some(body);
        }
    }
}
