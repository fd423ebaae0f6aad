def during(x):
    answer = []
    for _ in range(10**5):
        answer = [answer]
    return answer
