//! A server on the loopback interface that says what a test wants.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Ends when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    thread: Option<JoinHandle<usize>>,
}

impl Server {
    /// Answers the connections with these texts, one after the other, the last one for ever.
    pub(super) fn start(responses: Vec<&'static str>) -> Server {
        Server::serve(move |number, mut stream| {
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request);
            if let Some(response) = responses.get(number).or(responses.last()) {
                let _ = stream.write_all(response.as_bytes());
            }
            let _ = stream.shutdown(Shutdown::Write);
            None
        })
    }

    /// Takes connections and never says anything.
    pub(super) fn silent() -> Server {
        Server::serve(|_, stream| Some(stream))
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/generate_204", self.address)
    }

    /// How many connections there have been.
    pub(super) fn stop(mut self) -> usize {
        self.end()
    }

    fn serve(mut answer: impl FnMut(usize, TcpStream) -> Option<TcpStream> + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut kept = Vec::new();
            for number in 0.. {
                let (stream, _) = listener.accept().unwrap();
                let mut end = [0; 3];
                if matches!(stream.peek(&mut end), Ok(3)) && &end == b"END" {
                    return number;
                }
                kept.extend(answer(number, stream));
            }
            unreachable!("nobody makes that many connections")
        });
        Server { address, thread: Some(thread) }
    }

    fn end(&mut self) -> usize {
        let Some(thread) = self.thread.take() else { return 0 };
        TcpStream::connect(self.address).unwrap().write_all(b"END").unwrap();
        thread.join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}
