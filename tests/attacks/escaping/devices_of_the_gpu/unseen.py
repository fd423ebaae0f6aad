for name in ("nvidia1", "nvidia2", "nvidia-modeset", "nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2", "dri/card0", "dri/renderD128",
             "nvidia-caps-imex-channels/channel0", "nvidia-nvswitchctl"):
    attempt(name, os.open, f"/dev/{name}", os.O_RDWR)
if torch.cuda.is_available() and torch.cuda.device_count() != 1:
    found(torch.cuda.device_count())
report()
