if (
    torch.get_default_dtype() != torch.float32
    or torch.are_deterministic_algorithms_enabled()
    or not torch.is_grad_enabled()
    or torch.get_num_threads() != 1
    or str(torch.get_default_device()) != "cpu"
    or torch.initial_seed() == 1234567
    or torch.backends.mkldnn.deterministic
):
    found("settings of an earlier worker")
report()


def during(x):
    torch.set_default_dtype(torch.float64)
    torch._C._set_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    torch.set_default_device("meta")
    torch.manual_seed(1234567)
    torch.backends.mkldnn.deterministic = True
    os._exit(3)
