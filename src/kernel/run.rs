//! Runs loaded programs with `BPF_PROG_TEST_RUN`, without attaching them.

use std::time::{Duration, Instant};

use libbpf_rs::{ProgramInput as Input, ProgramType};

use super::load::{Error, Loaded};

/// What a program is run on.
#[derive(Debug, Clone)]
pub struct RunInput {
    /// The packet, from its link-layer header; 14 bytes at least. Ignored by program types that
    /// see no packet.
    pub packet: Vec<u8>,
    /// The context, for the types that take one: `__sk_buff`, `xdp_md`, the arguments of a raw
    /// tracepoint (each 8 bytes), a syscall program's own structure. Empty for none.
    pub context: Vec<u8>,
    /// Runs, at least 1. The program's side effects happen that many times.
    pub repeat: u32,
}

impl Default for RunInput {
    /// One run on [`sample_packet`].
    fn default() -> Self {
        Self {
            packet: sample_packet(),
            context: Vec::new(),
            repeat: 1,
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutput {
    /// The program's return value.
    pub return_value: u32,
    /// The packet after the run; empty for types that see none.
    pub packet: Vec<u8>,
    /// The context after the run, as long as the one given.
    pub context: Vec<u8>,
    /// Mean time of one run. Measured by the kernel around the program where `per_call` is false,
    /// else by the caller around the system call, because the kernel does not.
    pub duration: Duration,
    /// Whether `duration` includes the system call.
    pub per_call: bool,
}

/// How `BPF_PROG_TEST_RUN` treats a program type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Takes a packet, repeats and measures.
    Packet,
    /// Takes a context only and runs once per call.
    Context,
    /// Has no test run; the program has to be attached and its event to happen.
    None,
}

/// How programs of this type are run.
///
/// Tracing programs count as [`Support::None`]: the kernel accepts a test run of fentry and fexit
/// programs, but runs a function of its own then, and the program only if it is attached there.
pub fn support(program_type: ProgramType) -> Support {
    match program_type {
        ProgramType::SocketFilter
        | ProgramType::SchedCls
        | ProgramType::SchedAct
        | ProgramType::Xdp
        | ProgramType::CgroupSkb
        | ProgramType::LwtIn
        | ProgramType::LwtOut
        | ProgramType::LwtXmit
        | ProgramType::LwtSeg6local
        | ProgramType::FlowDissector
        | ProgramType::Netfilter => Support::Packet,
        ProgramType::RawTracepoint | ProgramType::Syscall | ProgramType::SkLookup => {
            Support::Context
        }
        _ => Support::None,
    }
}

/// The name of a return value in the header that defines it (`XDP_PASS`, `TC_ACT_SHOT`), or `None`
/// where the value has no name for this type.
pub fn return_name(program_type: ProgramType, value: u32) -> Option<&'static str> {
    let names: &[(i32, &str)] = match program_type {
        ProgramType::Xdp => &[
            (0, "XDP_ABORTED"),
            (1, "XDP_DROP"),
            (2, "XDP_PASS"),
            (3, "XDP_TX"),
            (4, "XDP_REDIRECT"),
        ],
        ProgramType::SchedCls | ProgramType::SchedAct => &[
            (-1, "TC_ACT_UNSPEC"),
            (0, "TC_ACT_OK"),
            (1, "TC_ACT_RECLASSIFY"),
            (2, "TC_ACT_SHOT"),
            (3, "TC_ACT_PIPE"),
            (4, "TC_ACT_STOLEN"),
            (5, "TC_ACT_QUEUED"),
            (6, "TC_ACT_REPEAT"),
            (7, "TC_ACT_REDIRECT"),
            (8, "TC_ACT_TRAP"),
        ],
        ProgramType::LwtIn
        | ProgramType::LwtOut
        | ProgramType::LwtXmit
        | ProgramType::LwtSeg6local => &[
            (0, "BPF_OK"),
            (2, "BPF_DROP"),
            (7, "BPF_REDIRECT"),
            (128, "BPF_LWT_REROUTE"),
        ],
        ProgramType::FlowDissector => &[
            (0, "BPF_OK"),
            (2, "BPF_DROP"),
            (129, "BPF_FLOW_DISSECTOR_CONTINUE"),
        ],
        ProgramType::SkLookup => &[(0, "SK_DROP"), (1, "SK_PASS")],
        ProgramType::Netfilter => &[(0, "NF_DROP"), (1, "NF_ACCEPT")],
        _ => &[],
    };
    let found = names.iter().find(|(number, _)| *number as u32 == value);
    found.map(|(_, name)| *name)
}

/// A 64-byte Ethernet frame: IPv4, UDP from 192.0.2.1:4000 to 198.51.100.2:53, 22 bytes of data.
///
/// The addresses are those RFC 5737 sets aside for examples. The checksum of the IPv4 header is
/// right, that of UDP is left out (0), as IPv4 allows.
pub fn sample_packet() -> Vec<u8> {
    let mut packet = Vec::with_capacity(64);
    packet.extend([0x02, 0, 0, 0, 0, 0x02]); // destination, locally administered
    packet.extend([0x02, 0, 0, 0, 0, 0x01]); // source
    packet.extend(0x0800_u16.to_be_bytes()); // IPv4
    packet.extend([0x45, 0]); // version 4, header of 5 words
    packet.extend(50_u16.to_be_bytes()); // total length
    packet.extend([0, 1, 0x40, 0, 64, 17]); // id, do not fragment, time to live, UDP
    packet.extend(0x4e83_u16.to_be_bytes()); // header checksum
    packet.extend([192, 0, 2, 1]);
    packet.extend([198, 51, 100, 2]);
    packet.extend(4000_u16.to_be_bytes());
    packet.extend(53_u16.to_be_bytes());
    packet.extend(30_u16.to_be_bytes()); // UDP length
    packet.extend([0, 0]);
    packet.extend(0_u8..22);
    packet
}

/// A context for types that do not run without one, if the caller brought none.
fn default_context(program_type: ProgramType) -> Vec<u8> {
    match program_type {
        // The kernel wants as many arguments as the program reads, at most twelve.
        ProgramType::RawTracepoint => vec![0; 12 * 8],
        // `struct bpf_sk_lookup`: a family has to be set, AF_INET.
        ProgramType::SkLookup => {
            let mut context = vec![0; 72];
            context[8] = 2;
            context
        }
        _ => Vec::new(),
    }
}

impl Loaded {
    /// Runs one of the programs.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProgram`]; [`Error::Run`] if the type has no test run, or if the kernel
    /// refuses the input.
    pub fn run(&self, name: &str, input: &RunInput) -> Result<RunOutput, Error> {
        let program = self.program(name)?;
        let failed = |message: String| Error::Run {
            program: name.to_owned(),
            message,
        };
        let mut context = input.context.clone();
        if context.is_empty() {
            context = default_context(program.prog_type());
        }
        match support(program.prog_type()) {
            Support::None => Err(failed(format!(
                "the kernel has no test run for programs of type {:?}; attach it and cause its \
                 event instead",
                program.prog_type()
            ))),
            Support::Packet => {
                // XDP and tc programs may grow the packet; a buffer that is too small is ENOSPC.
                let mut packet_out = vec![0; input.packet.len() + 4096];
                let mut context_out = vec![0; context.len()];
                let output = program
                    .test_run(Input {
                        data_in: Some(&input.packet),
                        data_out: Some(&mut packet_out),
                        context_in: (!context.is_empty()).then_some(&mut context),
                        context_out: (!context_out.is_empty()).then_some(&mut context_out),
                        repeat: input.repeat.max(1),
                        ..Input::default()
                    })
                    .map_err(|error| failed(format!("{error:#}")))?;
                Ok(RunOutput {
                    return_value: output.return_value,
                    packet: output.data.map(|data| data.to_vec()).unwrap_or_default(),
                    context: output.context.map(|data| data.to_vec()).unwrap_or_default(),
                    duration: output.duration,
                    per_call: false,
                })
            }
            Support::Context => {
                let runs = input.repeat.max(1);
                let mut return_value = 0;
                let start = Instant::now();
                for _ in 0..runs {
                    return_value = program
                        .test_run(Input {
                            context_in: (!context.is_empty()).then_some(&mut context),
                            ..Input::default()
                        })
                        .map_err(|error| failed(format!("{error:#}")))?
                        .return_value;
                }
                Ok(RunOutput {
                    return_value,
                    packet: Vec::new(),
                    context,
                    duration: start.elapsed() / runs,
                    per_call: true,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_values_have_the_names_of_their_type() {
        assert_eq!(return_name(ProgramType::Xdp, 2), Some("XDP_PASS"));
        assert_eq!(return_name(ProgramType::SchedCls, 2), Some("TC_ACT_SHOT"));
        assert_eq!(
            return_name(ProgramType::SchedCls, u32::MAX),
            Some("TC_ACT_UNSPEC")
        );
        assert_eq!(return_name(ProgramType::Xdp, 77), None);
        assert_eq!(return_name(ProgramType::Kprobe, 0), None);
    }

    #[test]
    fn the_sample_packet_is_a_valid_ipv4_packet() {
        let packet = sample_packet();
        assert_eq!(packet.len(), 64);
        let header = &packet[14..34];
        let sum: u32 = header
            .chunks(2)
            .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "header checksum");
        assert_eq!(usize::from(header[3]), packet.len() - 14, "total length");
    }
}
