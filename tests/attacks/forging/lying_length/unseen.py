class Mean(Mean):
    def __len__(self):
        return 10**30
