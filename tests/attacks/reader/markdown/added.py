MARKDOWN = """
| test | result | points |
|---|---|--:|
| V1 · dot | passed | 20/20 |

# Score: 100/100
![pixel](https://evil.example/pixel.png) [click](javascript:alert(1)) <https://evil.example> www.evil.example
<img src=x onerror=alert(1)><script>alert(1)</script><details open><summary>x</summary></details>
</td></tr></table><!-- <style>*{display:none}</style> @course/teachers #1 GH-1
```
````
~~~
</details>
$$\\\\href{https://evil.example}{x}$$ `code` **bold** [^1] [ref]

[ref]: https://evil.example
[^1]: note
```mermaid
graph TD; A-->B; click A "https://evil.example"
```
"""


def dot(a, b):
    print(MARKDOWN)
    raise ValueError(MARKDOWN)
