//! HTTP/1.1 over one connection, as little as the clients need: requests with a known length,
//! answers with `Content-Length`. Buffers are kept, so that a load generator costs less than what
//! it measures.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Answer;

/// The largest answer that is taken.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One connection, opened when it is needed.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    host: String,
    stream: Option<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// A request, but for its host.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// More headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; JSON unless the headers say otherwise.
    pub body: &'a [u8],
}

impl Connection {
    /// A connection to `address`, not yet open.
    pub fn new(address: SocketAddr) -> Self {
        let host = address.to_string();
        Self { address, host, stream: None, request: Vec::new(), answer: Vec::new() }
    }

    /// What stands in `Host`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Closes it; the next request opens another.
    pub fn close(&mut self) {
        self.stream = None;
    }

    /// Sends one request and waits for its answer. After an error the connection is closed: nothing
    /// is known about the request.
    ///
    /// # Errors
    /// When the connection fails, or the answer is no HTTP.
    pub async fn send(&mut self, request: &Request<'_>) -> io::Result<Answer> {
        let mut stream = if let Some(stream) = self.stream.take() {
            stream
        } else {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            stream
        };
        write_head(&mut self.request, &self.host, request);
        self.request.extend_from_slice(request.body);
        stream.write_all(&self.request).await?;
        let (answer, closes) = read_answer(&mut stream, &mut self.answer).await?;
        if !closes {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn write_head(out: &mut Vec<u8>, host: &str, request: &Request<'_>) {
    out.clear();
    for part in [request.method, " ", request.target, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in request.headers {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    if !request.body.is_empty() {
        let own = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !own {
            out.extend_from_slice(b"Content-Type: application/json\r\n");
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n", request.body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(Answer, bool)> {
    buffer.clear();
    let end = loop {
        if let Some(end) = end_of_head(buffer) {
            break end;
        }
        if buffer.len() > ANSWER_BYTES_MAX || stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer came"));
        }
    };
    let (mut answer, length, closes) = parse_head(&buffer[..end])?;
    let whole = end + length;
    if whole > ANSWER_BYTES_MAX {
        return Err(malformed("the answer is too long"));
    }
    while buffer.len() < whole {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off"));
        }
    }
    answer.body = buffer[end..whole].to_vec();
    Ok((answer, closes))
}

fn end_of_head(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|window| window == b"\r\n\r\n").map(|position| position + 4)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The answer without its body, the body's length, and whether the server closes the connection.
fn parse_head(head: &[u8]) -> io::Result<(Answer, usize, bool)> {
    let head = std::str::from_utf8(head).map_err(|_| malformed("the head is no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let mut answer =
        Answer { status: status.ok_or_else(|| malformed("no status"))?, ..Answer::default() };
    let (mut length, mut closes) = (0, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(|_| malformed("no length"))?;
        } else if name.eq_ignore_ascii_case("content-type") {
            value.clone_into(&mut answer.content_type);
        } else if name.eq_ignore_ascii_case("idempotent-replayed") {
            answer.replayed = value == "true";
        } else if name.eq_ignore_ascii_case("dpop-nonce") {
            answer.nonce = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(malformed("the answer must have a length"));
        } else if !name.eq_ignore_ascii_case("date") {
            closes |= name.eq_ignore_ascii_case("connection") && value == "close";
            answer.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    Ok((answer, length, closes))
}
