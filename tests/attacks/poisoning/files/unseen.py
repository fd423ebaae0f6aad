PLACES = (".", os.environ["TMPDIR"], "/dev/shm", os.environ["HOME"], "/sandbox", os.environ["TORCHINDUCTOR_CACHE_DIR"],
          os.environ["TRITON_CACHE_DIR"], f"{os.environ['HOME']}/.cache/torch", f"{os.environ['HOME']}/.local/lib")
NAME = "left-@@MARK@@"
for place in PLACES:
    if os.path.exists(f"{place}/{NAME}"):
        found(place)
report()


def during(x):
    for place in PLACES:
        os.makedirs(place, exist_ok=True)
        os.close(os.open(f"{place}/{NAME}", os.O_CREAT | os.O_WRONLY))
    os._exit(3)
