"""Finding the course, and names that do not exist."""

import shutil

import pytest

from grader.course import find_course
from grader.errors import ContentError, UsageError


@pytest.fixture
def course(tmp_path):
    (tmp_path / "exercises" / "sampling").mkdir(parents=True)
    (tmp_path / "exercises" / "sampling" / "exercise.yaml").write_text("")
    (tmp_path / "grader.yaml").write_text("title: {en: C, zh: 课}\nexercises: [sampling]\n", encoding="utf-8")
    return tmp_path


def test_a_course_is_found_from_a_folder_inside_it(course):
    assert find_course(course / "exercises" / "sampling").root == course


def test_outside_a_course_the_error_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match=r"no grader\.yaml .* --course"):
        find_course(tmp_path)


def test_an_unknown_exercise_gets_a_suggestion(course):
    with pytest.raises(UsageError, match="did you mean 'sampling'"):
        find_course(course).exercises(("samplign",))


def test_an_exercise_that_is_not_listed_is_reported(course):
    (course / "exercises" / "stray").mkdir()
    (course / "exercises" / "stray" / "exercise.yaml").write_text("")
    with pytest.raises(ContentError, match="exercises/stray is not listed"):
        find_course(course)


def test_a_listed_exercise_that_is_not_there_is_reported_with_its_line(course):
    (course / "grader.yaml").write_text(
        "title: {en: C, zh: 课}\nexercises: [sampling, rope]\n", encoding="utf-8"
    )
    with pytest.raises(ContentError, match="'rope'") as error:
        find_course(course)
    assert error.value.line == 2


def test_a_submission_that_calls_itself_a_course_is_not_believed(course):
    inside = course / "submissions" / "alice"
    shutil.copytree(course / "exercises", inside / "exercises")
    shutil.copy(course / "grader.yaml", inside)
    with pytest.raises(UsageError, match="is a submission of the course"):
        find_course(inside)
