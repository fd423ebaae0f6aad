import multiprocessing
import os


def during(x):
    kept = []
    while True:
        kept += [multiprocessing.Semaphore(), os.eventfd(0)]
