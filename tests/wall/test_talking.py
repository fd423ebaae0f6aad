"""No way out: no network, no sockets of others, no signals, no kernel interfaces with a history."""

import os
import socket
from pathlib import Path

import pytest

FAMILIES = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "bluetooth": 31, "alg": 38, "vsock": 40}
REFUSED = ("OSError", "PermissionError")


@pytest.mark.parametrize("kind", [1, 2, 3, 5], ids=["stream", "datagram", "raw", "seqpacket"])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_socket_of_any_network(shell, family, kind):
    outcome = shell.run(f"import socket; socket.socket({family}, {kind})")
    assert outcome == "OSError: [Errno 97] Address family not supported by protocol"


def test_no_connection_to_this_machine(shell):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert shell.try_to(f"socket.create_connection({server.getsockname()!r})") == "OSError"


def test_no_path_socket_of_others(shell, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path := str(tmp_path / "s"))
        server.listen()
        Path(path).chmod(0o777)
        outcome = shell.try_to(f"socket.socket(socket.AF_UNIX).connect({path!r})")
    assert outcome in (*REFUSED, "FileNotFoundError")


def test_no_abstract_socket_of_others(shell):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0grader-test-abstract")
        server.listen()
        outcome = shell.try_to("socket.socket(socket.AF_UNIX).connect('\\0grader-test-abstract')")
    assert outcome in (*REFUSED, "ConnectionRefusedError")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("101, 0, 0, 0, 0", id="ptrace"),
        pytest.param("310, 1, 0, 0, 0, 0, 0", id="process_vm_readv"),
        pytest.param("425, 8, 0", id="io_uring_setup"),
        pytest.param("250, 0, 0, 0", id="keyctl"),
        pytest.param("321, 0, 0, 0", id="bpf"),
        pytest.param("298, 0, 0, 0, 0, 0", id="perf_event_open"),
        pytest.param("323, 0", id="userfaultfd"),
        pytest.param("272, 0x10000000", id="unshare"),
        pytest.param("56, 0x10000011, 0, 0, 0, 0", id="clone_newuser"),
        pytest.param("435, 0, 88", id="clone3"),
        pytest.param("165, 0, 0, 0, 0, 0", id="mount"),
        pytest.param("161, 0", id="chroot"),
        pytest.param("135, 0xffffffff", id="personality"),
        pytest.param("29, 0, 4096, 0o1600", id="shmget"),
        pytest.param("447, 0", id="memfd_secret"),
        pytest.param("438, 0, 0, 0", id="pidfd_getfd"),
        pytest.param("302, 1, 0, 0, 0", id="prlimit_of_another"),
        pytest.param("141, 0, 0, 10", id="setpriority"),
    ],
)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
def test_system_call_is_refused(open_shell, call):
    text = f"""
        import ctypes, errno
        libc = ctypes.CDLL(None, use_errno=True)
        result = libc.syscall({call})
        answer = result < 0 and errno.errorcode[ctypes.get_errno()]
    """
    assert open_shell("A").run(text) in ("EPERM", "ENOSYS")


def test_a_32_bit_call_ends_the_worker(open_shell):
    text = """
        import ctypes, mmap
        code = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
        code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, getpid; int 0x80; ret
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    """
    if os.uname().machine == "x86_64":
        assert open_shell("A").end(text).detail == "ended by SIGSYS"


def test_the_slot_cannot_be_signalled(shell):
    assert shell.try_to(f"os.kill({os.getpid()}, 0)") in ("ProcessLookupError", "PermissionError")


def test_killing_everybody_harms_nobody(open_shell):
    victim, attacker = open_shell("A"), open_shell("A")
    attacker.try_to("os.kill(-1, 9)")
    assert victim.run("answer = 'alive'") == "alive"


def test_the_init_above_cannot_be_ended(open_shell):
    shell = open_shell("A")
    for number in (2, 9, 15, 19):
        shell.try_to(f"os.kill(1, {number})")
    assert shell.run("answer = 'alive'") == "alive"


def test_no_foreign_process_is_visible(open_shell):
    shell = open_shell("A")
    assert shell.run("import os; answer = [n for n in os.listdir('/proc') if n.isdigit()]") == "['1', '2']"
    assert open_shell("C").try_to("os.listdir('/proc')") == "PermissionError"


def test_raising_an_own_limit_is_refused(shell):
    raise_it = "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))"
    assert shell.try_to(raise_it) == "ValueError"
