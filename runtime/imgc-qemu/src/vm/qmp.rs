//! QEMU's machine protocol (QMP reference manual): JSON lines, one answer for each command, events in between.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};

use crate::os::Stream;

/// How long an answer may take. QEMU answers from its main loop, which a loaded computer may keep from running.
const ANSWER: Duration = Duration::from_secs(60);

/// How long a key is down, in milliseconds, and how long until the next: longer than an emulated machine looks away.
const DOWN: u64 = 60;

/// The longest line that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why a command has no answer.
#[derive(Debug)]
pub enum Trouble {
    /// QEMU refuses it, and says why.
    Refused(String),
    /// Nobody is there any more, or nobody who makes sense.
    Gone(String),
}

/// A connection.
pub struct Qmp {
    lines: BufReader<Stream>,
    next: u64,
}

impl Qmp {
    /// Takes up the conversation.
    pub fn new(stream: Stream) -> Result<Self, Trouble> {
        let failed = |error| Trouble::Gone(format!("talking with QEMU: {error}"));
        stream.set_read_timeout(Some(ANSWER)).map_err(failed)?;
        stream.set_write_timeout(Some(ANSWER)).map_err(failed)?;
        let mut qmp = Self { lines: BufReader::new(stream), next: 0 };
        qmp.line()?;
        qmp.command("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Gives a command and waits for its answer.
    pub fn command(&mut self, name: &str, arguments: &Value) -> Result<Value, Trouble> {
        self.next += 1;
        let id = self.next;
        let mut text = json!({ "execute": name, "arguments": arguments, "id": id }).to_string();
        text.push('\n');
        let sent = self.lines.get_mut().write_all(text.as_bytes());
        sent.map_err(|error| Trouble::Gone(format!("telling QEMU {name}: {error}")))?;
        loop {
            let mut answer = self.line()?;
            if answer["id"] != id {
                continue;
            }
            if let Some(said) = answer["error"]["desc"].as_str() {
                return Err(Trouble::Refused(format!("QEMU does not {name}: {said}")));
            }
            return Ok(answer["return"].take());
        }
    }

    /// Saves a part of the machine's memory to a file.
    pub fn save_memory(&mut self, at: u64, len: u64, file: &Path) -> Result<(), Trouble> {
        self.command("pmemsave", &json!({ "val": at, "size": len, "filename": file.to_string_lossy() }))
            .map(drop)
    }

    /// Saves what the screen shows to a file, as PPM.
    pub fn picture(&mut self, file: &Path) -> Result<(), Trouble> {
        self.command("screendump", &json!({ "filename": file.to_string_lossy() })).map(drop)
    }

    /// Presses keys together and lets them go.
    pub fn press(&mut self, codes: &[String]) -> Result<(), Trouble> {
        let keys: Vec<Value> = codes.iter().map(|code| json!({ "type": "qcode", "data": code })).collect();
        self.command("send-key", &json!({ "keys": keys, "hold-time": DOWN }))?;
        // QEMU answers at once, and would let the next key down before this one is up.
        std::thread::sleep(Duration::from_millis(DOWN * 2));
        Ok(())
    }

    fn line(&mut self) -> Result<Value, Trouble> {
        let mut line = String::new();
        let read = self.lines.by_ref().take(LONGEST).read_line(&mut line);
        match read {
            Ok(0) => Err(Trouble::Gone("QEMU is gone".into())),
            Ok(_) => serde_json::from_str(&line)
                .map_err(|error| Trouble::Gone(format!("QEMU says what is no JSON: {error}"))),
            Err(error) => Err(Trouble::Gone(format!("hearing from QEMU: {error}"))),
        }
    }
}
