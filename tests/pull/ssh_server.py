"""A real SSH server for git on loopback: `python ssh_server.py REPOSITORIES KEYS`.

Writes KEYS/known (a key that is let in), KEYS/stranger and KEYS/known_hosts; prints its port.
"""

import asyncio
import shlex
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncssh


async def pump(source, sink):
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()


async def main(repositories, keys):
    async def upload_pack(process):
        program, path = shlex.split(process.command)
        assert program == "git-upload-pack"
        command = ["git", "-c", "safe.directory=*", "upload-pack", str(repositories / path.lstrip("/"))]
        child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        asked = asyncio.create_task(pump(process.stdin, child.stdin))
        await asyncio.gather(pump(child.stdout, process.stdout), pump(child.stderr, process.stderr))
        asked.cancel()
        process.exit(await child.wait())

    host, known, stranger = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(3))
    for name, key in (("known", known), ("stranger", stranger)):
        key.write_private_key(str(keys / name))
        (keys / name).chmod(0o600)
    known.write_public_key(str(keys / "authorized"))
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host], authorized_client_keys=str(keys / "authorized"),
        process_factory=upload_pack, encoding=None,
    )  # fmt: skip
    public = host.export_public_key().decode().strip()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{server.get_port()} {public}\n")
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
