//! Speaks with connbench (docs/programs.md): reads a wave, reports what became of its attempts, and has what every Rust
//! connector needs around its connects.

use std::any::Any;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsFd, FromRawFd};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::{json, Value};
use socket2::SockRef;

/// CLOCK_MONOTONIC in ns. `Instant` is the same clock, but does not reveal its number.
pub fn now() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Why an attempt did not connect.
pub enum Failure {
    Error(io::Error),
    Timeout,
    Cancelled,
    Spawn(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Error(error)
    }
}

struct Record {
    started: i64,
    finished: i64,
    result: Result<(), Failure>,
}

#[derive(PartialEq)]
enum Close {
    Rst,
    Fin,
    Hold,
}

/// What connbench wants to be connected, and what became of it.
pub struct Wave {
    pub attempts: usize,
    pub in_flight: usize,
    pub timeout: Duration,
    hosts: Vec<SocketAddr>,
    route: Option<Vec<usize>>,
    schedule: Option<Vec<i64>>,
    origin: i64,
    close: Close,
    records: Vec<OnceLock<Record>>,
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl Wave {
    fn read(wanted: &Value, origin: i64) -> Option<Arc<Wave>> {
        let attempts = wanted["attempts"].as_u64()? as usize;
        let list =
            |key: &str| wanted[key].as_array().map(|list| list.iter().filter_map(Value::as_i64).collect::<Vec<_>>());
        Some(Arc::new(Wave {
            attempts,
            in_flight: wanted["in_flight"].as_u64()? as usize,
            timeout: Duration::from_nanos(wanted["timeout_ns"].as_u64()?),
            hosts: wanted["hosts"].as_array()?.iter().map(|host| address(&host[0])).collect::<Option<_>>()?,
            route: list("route").map(|route| route.iter().map(|&host| host as usize).collect()),
            schedule: list("schedule_ns"),
            origin,
            close: match wanted["close"].as_str()? {
                "hold" => Close::Hold,
                "fin" => Close::Fin,
                _ => Close::Rst,
            },
            records: (0..attempts).map(|_| OnceLock::new()).collect(),
            held: Mutex::default(),
        }))
    }

    /// The address of an attempt.
    pub fn host(&self, attempt: usize) -> SocketAddr {
        self.hosts[self.route.as_ref().map_or(attempt % self.hosts.len(), |route| route[attempt])]
    }

    /// How long until an attempt is due; zero if it is.
    pub fn until_due(&self, attempt: usize) -> Duration {
        let due = self.schedule.as_ref().map_or(0, |schedule| self.origin + schedule[attempt]);
        if due == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos((due - now()).max(0) as u64)
    }

    /// Stamps the beginning of an attempt.
    pub fn begin(self: &Arc<Self>, id: usize) -> Attempt {
        Attempt { wave: self.clone(), id, started: now() }
    }

    /// Records that nothing could be begun.
    pub fn not_begun(&self, id: usize, failure: Failure) {
        let _ = self.records[id].set(Record { started: 0, finished: 0, result: Err(failure) });
    }

    fn report(&self) -> io::Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        for (id, record) in self.records.iter().enumerate() {
            match record.get() {
                None => writeln!(out, "{id} 0 0 cancelled")?,
                Some(Record { started, finished, result }) => {
                    writeln!(out, "{id} {started} {finished} {}", outcome(result))?
                }
            }
        }
        writeln!(out, "end")?;
        out.flush()
    }
}

fn address(first: &Value) -> Option<SocketAddr> {
    Some(SocketAddr::new(first["ip"].as_str()?.parse().ok()?, first["port"].as_u64()? as u16))
}

/// An attempt in flight. Dropped without `ended`, it is cancelled.
pub struct Attempt {
    wave: Arc<Wave>,
    id: usize,
    started: i64,
}

impl Attempt {
    /// Records how the attempt ended, and closes its connection as the wave wants it.
    pub fn ended<S: AsFd + Send + 'static>(self, result: Result<S, impl Into<Failure>>) {
        let finished = now();
        let (connection, result) = match result {
            Ok(connection) => (Some(connection), Ok(())),
            Err(failure) => (None, Err(failure.into())),
        };
        self.record(finished, result);
        let Some(connection) = connection else { return };
        match self.wave.close {
            Close::Rst => drop(SockRef::from(&connection).set_linger(Some(Duration::ZERO))),
            Close::Fin => (),
            Close::Hold => self.wave.held.lock().unwrap().push(Box::new(connection)),
        }
    }

    fn record(&self, finished: i64, result: Result<(), Failure>) {
        let _ = self.wave.records[self.id].set(Record { started: self.started, finished, result });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.wave.records[self.id].get().is_none() {
            self.record(now(), Err(Failure::Cancelled));
        }
    }
}

/// A result in the protocol's words, with the stage if known.
fn outcome(result: &Result<(), Failure>) -> String {
    match result {
        Ok(()) => "connected".into(),
        Err(Failure::Timeout) => "timeout".into(),
        Err(Failure::Cancelled) => "cancelled".into(),
        Err(Failure::Spawn(error)) => word(error) + " spawn",
        // Without an errno, it is the standard library's own deadline.
        Err(Failure::Error(error)) if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() => {
            "timeout".into()
        }
        Err(Failure::Error(error)) => word(error),
    }
}

fn word(error: &io::Error) -> String {
    macro_rules! names {
        ($($name:ident)*) => { match error.raw_os_error() {
            $(Some(libc::$name) => stringify!($name).into(),)*
            Some(number) => format!("other:errno-{number}"),
            None => format!("other:{:?}", error.kind()),
        } };
    }
    names!(EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EBADF ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN
           EHOSTUNREACH EINPROGRESS EINTR EINVAL EIO EMFILE ENETDOWN ENETUNREACH ENFILE ENOBUFS ENOENT ENOMEM
           ENOPROTOOPT EPERM EPIPE EPROTO ETIMEDOUT)
}

/// Waits until something arrives on stdin. While a wave is driven, that means that it is to end.
pub fn wait_for_stdin() {
    let mut stdin = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    unsafe { libc::poll(&mut stdin, 1, -1) };
}

/// The next line from stdin, and not a byte more, so that a wait still sees what follows. Empty: it is closed.
fn next_line(stdin: &File) -> String {
    let mut line = Vec::new();
    for byte in stdin.bytes().map_while(Result::ok) {
        line.push(byte);
        if byte == b'\n' {
            break;
        }
    }
    String::from_utf8_lossy(&line).trim().into()
}

fn fail(reason: &str) -> ! {
    eprintln!("{reason}");
    std::process::exit(1)
}

/// Speaks the protocol. `drive` makes the attempts of a wave and returns when all have ended. While it runs, anything
/// that arrives on stdin means that the wave is to end: it then gives up what is pending.
pub fn run(mut description: Value, drive: impl Fn(&Arc<Wave>)) {
    if std::env::args().nth(1).as_deref() == Some("--describe") {
        description["protocol"] = json!(1);
        description["language"] = json!("Rust");
        description["version"] = json!(env!("CARGO_PKG_RUST_VERSION_USED"));
        println!("{description}");
        return;
    }
    let stdin = ManuallyDrop::new(unsafe { File::from_raw_fd(0) });
    let mut line = Vec::new();
    // connbench writes no more until it has read "ready".
    let _ = BufReader::with_capacity(1 << 20, &*stdin).read_until(b'\n', &mut line);
    let wanted: Value =
        serde_json::from_slice(&line).unwrap_or_else(|error| fail(&format!("cannot read the wave: {error}")));
    let read = |wanted, origin| Wave::read(wanted, origin).unwrap_or_else(|| fail("the wave lacks something"));
    let drive = |wave: &Arc<Wave>| {
        drive(wave);
        wave.held.lock().unwrap().clear();
    };
    if !wanted["warm_up"].is_null() {
        drive(&read(&wanted["warm_up"], 0));
    }
    println!("ready {{\"clock_error_ns\": 0}}");
    let start = next_line(&stdin);
    let Some(origin) = start.strip_prefix("start ").and_then(|origin| origin.parse().ok()) else {
        fail(&format!("expected start, not: {start}"))
    };
    let wave = read(&wanted, origin);
    drive(&wave);
    println!("done");
    while !matches!(next_line(&stdin).as_str(), "report" | "") {}
    wave.report().unwrap_or_else(|error| fail(&error.to_string()));
}
