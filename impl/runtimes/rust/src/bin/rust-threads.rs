//! std: `TcpStream::connect_timeout`, a thread per attempt.

use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use protocol::{Failure, Wave};
use serde_json::json;

/// A semaphore, which std does not have.
struct Room(Mutex<usize>, Condvar);

impl Room {
    fn take(&self) {
        *self.1.wait_while(self.0.lock().unwrap(), |free| *free == 0).unwrap() -= 1;
    }

    fn give(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_one();
    }
}

fn drive(wave: &Arc<Wave>) {
    let room = Room(Mutex::new(wave.in_flight), Condvar::new());
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || {
        protocol::wait_for_stdin();
        let _ = stop.send(());
    });
    thread::scope(|threads| {
        for id in 0..wave.attempts {
            room.take();
            // Nothing ends an attempt in a thread but its deadline. So "stop" only prevents the next ones.
            if stopped.recv_timeout(wave.until_due(id)) != Err(RecvTimeoutError::Timeout) {
                break;
            }
            let room = &room;
            let spawned = thread::Builder::new().spawn_scoped(threads, move || {
                let attempt = wave.begin(id);
                attempt.ended(TcpStream::connect_timeout(&wave.host(id), wave.timeout));
                room.give();
            });
            if let Err(error) = spawned {
                wave.not_begun(id, Failure::Spawn(error));
                room.give();
            }
        }
    });
}

fn main() {
    let description = json!({
        "name": "rust-threads",
        "summary": "TcpStream::connect_timeout, a thread per attempt",
        "families": ["4", "6"],
        "threads": "per_attempt",
        "deadline_by": "wait",
        "granularity_ns": 1_000_000, // std waits with poll(), whose timeout counts milliseconds
        "cancellable": false,
        "close": ["rst", "fin", "hold"],
        "steered_by": ["RUST_MIN_STACK"],
    });
    protocol::run(description, drive);
}
