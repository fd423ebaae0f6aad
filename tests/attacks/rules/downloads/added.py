import urllib.request

real = urllib.request.urlopen("http://127.0.0.1:@@TCP@@/solution.py").read()
