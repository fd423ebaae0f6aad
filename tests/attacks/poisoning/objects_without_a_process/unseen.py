import mmap

ids = ctypes.c_int(0)
reach("shmget", (29, 194), 0x5EED, 4096, 0o1666)
reach("msgget", (68, 186), 0x5EED, 0o1666)
reach("semget", (64, 190), 0x5EED, 1, 0o1666)
reach("mq_open", (240, 180), ctypes.c_char_p(b"poison"), os.O_CREAT | os.O_RDWR, 0o666, 0)
reach("add_key", (248, 217), ctypes.c_char_p(b"user"), ctypes.c_char_p(b"poison"), ctypes.c_char_p(b"x"), 1, -2)
report()
