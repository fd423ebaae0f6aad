COMMANDS = """
::set-output name=score::100
::save-state name=a::b
::set-env name=PATH::/tmp
::add-path::/tmp
::add-mask::20
::stop-commands::token
::error file=grader/cli.py,line=1::forged
::warning file=.github/workflows/grade.yml::forged
::notice::forged
::group::x
::echo::on
  ::debug::y
##[error]forged
##[command]rm
##[group]x
##[add-mask]0
##vso[task.complete result=Succeeded;]
##teamcity[testFailed name='x']
section_start:0:x
"""


def dot(a, b):
    print(COMMANDS)
    print("\r::add-mask::1", "text ::add-mask::2", ":::add-mask::3", sep="\n")
    raise ValueError(COMMANDS)
