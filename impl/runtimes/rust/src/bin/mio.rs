//! mio: non-blocking connects and readiness, with the checks that its documentation asks for.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use protocol::{now, Attempt, Failure, Wave};
use serde_json::json;

const STDIN: Token = Token(usize::MAX);

struct Pending {
    attempt: Attempt, // first, so that it is stamped before the socket is closed
    stream: TcpStream,
}

fn begin(wave: &Arc<Wave>, id: usize, poll: &Poll) -> Option<Pending> {
    let attempt = wave.begin(id);
    let begun = TcpStream::connect(wave.host(id)).and_then(|mut stream| {
        poll.registry().register(&mut stream, Token(id), Interest::WRITABLE)?;
        Ok(stream)
    });
    match begun {
        Ok(stream) => return Some(Pending { attempt, stream }),
        Err(error) => attempt.ended::<TcpStream>(Err(error)),
    }
    None
}

/// Whether a stream that was reported as writable is connected; None: not yet.
fn is_connected(stream: &TcpStream) -> Option<io::Result<()>> {
    match stream.take_error() {
        Ok(None) => (),
        Ok(Some(error)) | Err(error) => return Some(Err(error)),
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == ErrorKind::NotConnected || error.raw_os_error() == Some(libc::EINPROGRESS) => {
            None
        }
        Err(error) => Some(Err(error)),
    }
}

/// What is in flight. All attempts have the same timeout, so that their deadlines pass in the order of their beginnings.
#[derive(Default)]
struct InFlight {
    pending: HashMap<usize, Pending>,
    deadlines: VecDeque<(i64, usize)>,
}

impl InFlight {
    /// How long until the earliest deadline of what is still in flight.
    fn until_deadline(&mut self) -> Option<Duration> {
        while self.deadlines.front().is_some_and(|(_, id)| !self.pending.contains_key(id)) {
            self.deadlines.pop_front();
        }
        let (deadline, _) = self.deadlines.front()?;
        Some(Duration::from_nanos((deadline - now()).max(0) as u64))
    }

    fn give_up_overdue(&mut self) {
        while self.until_deadline() == Some(Duration::ZERO) {
            let (_, id) = self.deadlines.pop_front().unwrap();
            let Pending { attempt, stream: _closed_afterwards } = self.pending.remove(&id).unwrap();
            attempt.ended::<TcpStream>(Err(Failure::Timeout));
        }
    }

    fn became_writable(&mut self, id: usize) {
        let Some(result) = self.pending.get(&id).and_then(|pending| is_connected(&pending.stream)) else { return };
        let Pending { attempt, stream } = self.pending.remove(&id).unwrap();
        attempt.ended(result.map(|()| stream));
    }
}

fn drive(wave: &Arc<Wave>) {
    let mut poll = Poll::new().expect("an epoll");
    let mut events = Events::with_capacity(1024);
    poll.registry().register(&mut SourceFd(&0), STDIN, Interest::READABLE).expect("stdin must be a pipe");
    let mut in_flight = InFlight::default();
    let mut next = 0;
    loop {
        let mut until_due = None;
        while next < wave.attempts && in_flight.pending.len() < wave.in_flight {
            until_due = Some(wave.until_due(next)).filter(|due| !due.is_zero());
            if until_due.is_some() {
                break;
            }
            if let Some(begun) = begin(wave, next, &poll) {
                in_flight.deadlines.push_back((now() + wave.timeout.as_nanos() as i64, next));
                in_flight.pending.insert(next, begun);
            }
            next += 1;
        }
        if next == wave.attempts && in_flight.pending.is_empty() {
            return;
        }
        let wait = in_flight.until_deadline().into_iter().chain(until_due).min();
        match poll.poll(&mut events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled.expect("epoll_wait"),
        }
        for event in &events {
            if event.token() == STDIN {
                next = wave.attempts;
                in_flight.pending.clear();
            } else {
                in_flight.became_writable(event.token().0);
            }
        }
        in_flight.give_up_overdue();
    }
}

fn main() {
    let description = json!({
        "name": "mio",
        "summary": "non-blocking connect and Poll, one thread",
        "libraries": [{"name": "mio", "version": env!("VERSION_OF_MIO")}],
        "families": ["4", "6"],
        "deadline_by": "wait",
        "granularity_ns": 1_000_000, // mio rounds the timeout of epoll_wait up to milliseconds
        "close": ["rst", "fin", "hold"],
    });
    protocol::run(description, drive);
}
