# A second way to make any system call; older filters did not know it.
parameters = ctypes.create_string_buffer(120)
reach("io_uring_setup", 425, 8, ctypes.addressof(parameters))
reach("io_uring_enter", 426, 3, 1, 1, 0, 0, 0)
reach("io_uring_register", 427, 3, 0, 0, 0)
reach("io_setup", (206, 0), 65536, ctypes.addressof(parameters))
report()
