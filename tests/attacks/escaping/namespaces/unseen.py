NEW = {
    "time": 0x80,
    "mount": 0x20000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
for name, flag in NEW.items():
    reach(f"unshare {name}", (272, 97), flag)
    reach(f"unshare user and {name}", (272, 97), flag | NEW["user"])
    if name != "time":  # clone has another meaning for that bit
        reach(f"clone {name}", (56, 220), flag | 17, 0, 0, 0, 0)
arguments = ctypes.create_string_buffer(NEW["user"].to_bytes(8, "little") + bytes(80), 88)
reach("clone3", 435, ctypes.addressof(arguments), 88)
for name in os.listdir("/proc/self/ns"):
    file = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    reach(f"setns {name}", (308, 268), file, 0)
    os.close(file)
    attempt(f"namespace {name} of the init", lambda name=name: os.open(f"/proc/1/ns/{name}", os.O_RDONLY))
root, tmpfs = ctypes.c_char_p(b"/"), ctypes.c_char_p(b"tmpfs")
reach("mount", (165, 40), tmpfs, ctypes.c_char_p(b"/tmp"), tmpfs, 0, 0)
reach("remount", (165, 40), 0, root, 0, 0x20, 0)
reach("bind", (165, 40), root, ctypes.c_char_p(b"/tmp"), 0, 0x1000, 0)
reach("umount", (166, 39), ctypes.c_char_p(b"/sandbox"), 2)
reach("chroot", (161, 51), root)
reach("pivot_root", (155, 41), root, root)
reach("open_tree", 428, -100, root, 1)
reach("move_mount", 429, -100, root, -100, root, 0)
reach("fsopen", 430, tmpfs, 0)
reach("fsconfig", 431, 3, 6, 0, 0, 0)
reach("fsmount", 432, 3, 0, 0)
reach("fspick", 433, -100, root, 0)
reach("mount_setattr", 442, -100, root, 0, 0, 32)
reach("open_tree_attr", 467, -100, root, 1, 0, 0)
report()
