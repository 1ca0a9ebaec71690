"""`actions`: the catalogue, and what becomes of actions nobody has heard of."""

from __future__ import annotations

import pytest

from trailhouse.producers.actions import CATALOGUE, OURS, OWN, VERBS, WANDB, Action, Category, Crud, classify
from trailhouse.producers.event import ACTION_LENGTH_MAX, is_printable

# W&B's audit actions (requirements §5): action, one event for many objects, CRUD class, collected on SaaS in every case.
WANDB_PAGE = """
artifact:create no C yes
artifact:delete no D yes
artifact:read no R yes
project:delete no D yes
project:read no R yes
report:read no R no
run:delete_many yes D yes
run:delete no D yes
run:stop no U yes
run:undelete_many yes C yes
run:update_many yes U yes
run:update no U yes
sweep:create_agent no C yes
team:create_service_account no C yes
team:create no C yes
team:delete no D yes
team:invite_user no C yes
team:uninvite no D yes
user:create_api_key no C no
user:create no C no
user:deactivate no U no
user:delete_api_key no D no
user:initiate_login no O no
user:login no O no
user:logout no O no
user:permanently_delete no D no
user:reactivate no U no
user:read no R no
user:update no U no
"""


def test_the_29_actions_of_wandb_are_there() -> None:
    """Name, batch flag, CRUD class and SaaS flag of each, as W&B documents them."""
    initial = {Crud.CREATE: "C", Crud.READ: "R", Crud.UPDATE: "U", Crud.DELETE: "D", Crud.OTHER: "O"}
    ours = [
        f"{action.name} {'yes' if action.is_batch else 'no'} {initial[action.crud]} {'yes' if action.on_saas else 'no'}"
        for action in WANDB
    ]
    assert ours == WANDB_PAGE.split("\n")[1:-1]
    assert (len(WANDB), sum(not action.on_saas for action in WANDB)) == (29, 12)


@pytest.mark.parametrize("action", CATALOGUE.values(), ids=lambda action: action.name)
def test_an_entry_is_complete(action: Action) -> None:
    """A sentence, both halves of the name, and a name that the contract accepts."""
    assert action.definition.endswith(".")
    assert action.name == f"{action.noun}:{action.verb}"
    assert action.noun
    assert action.verb
    assert is_printable(action.name)
    assert len(action.name) <= ACTION_LENGTH_MAX
    assert classify(action.name) is action


def test_names_are_unique() -> None:
    """No entry hides another."""
    assert len(CATALOGUE) == len(WANDB) + len(OURS) + len(OWN)


def test_only_a_login_is_a_login() -> None:
    """Asking for one is neither a login nor activity: anybody can do that with anybody's name."""
    assert [action.name for action in CATALOGUE.values() if action.is_login] == ["user:login"]
    passive = {action.name for action in CATALOGUE.values() if not action.is_activity}
    roster = {name for name in CATALOGUE if name.startswith("roster:")}
    assert passive == {"user:initiate_login", *roster, *(action.name for action in OWN)}


@pytest.mark.parametrize(
    ("name", "noun", "verb", "crud", "category"),
    [
        ("run:archive_all", "run", "archive_all", Crud.DELETE, Category.RUN),
        ("team:get-members", "team", "get-members", Crud.READ, Category.TEAM),
        ("ec2:DescribeInstances", "ec2", "DescribeInstances", Crud.READ, Category.OTHER),
        ("s3:PutObject", "s3", "PutObject", Crud.CREATE, Category.OTHER),
        ("entity:Update.Name", "entity", "Update.Name", Crud.UPDATE, Category.ENTITY),
        ("page:set filter", "page", "set filter", Crud.UPDATE, Category.PAGE),
        ("page:DELETE", "page", "DELETE", Crud.OTHER, Category.PAGE),
        ("run:created", "run", "created", Crud.OTHER, Category.RUN),
        ("run:", "run", "", Crud.OTHER, Category.RUN),
        (":delete", "", "delete", Crud.DELETE, Category.OTHER),
        ("a:delete:b", "a", "delete:b", Crud.OTHER, Category.OTHER),
        ("delete", "delete", "", Crud.OTHER, Category.OTHER),
        ("Project:read", "Project", "read", Crud.READ, Category.OTHER),
        ("", "", "", Crud.OTHER, Category.OTHER),
        ("🎉:löschen", "🎉", "löschen", Crud.OTHER, Category.OTHER),
    ],
)
def test_an_unknown_action_is_classified_by_its_name(
    name: str, noun: str, verb: str, crud: Crud, category: Category
) -> None:
    """By its verb's first word and by its noun; never refused, and it counts as activity."""
    action = classify(name)
    assert (action.name, action.noun, action.verb, action.crud, action.category) == (
        name,
        noun,
        verb,
        crud,
        category,
    )
    assert (action.is_activity, action.is_login, action.is_batch) == (True, False, False)


@pytest.mark.parametrize("crud", [crud for crud in Crud if crud is not Crud.OTHER])
def test_every_class_has_verbs(crud: Crud) -> None:
    """And the verb that gives the class its name is among them."""
    assert VERBS[crud.value] is crud


def test_the_verbs_agree_with_the_catalogue() -> None:
    """Where an action of the catalogue is classified otherwise than its verb says, that is on purpose."""
    differing = {
        action.name
        for action in CATALOGUE.values()
        if (by_verb := VERBS.get(action.verb.replace("-", "_").partition("_")[0]))
        and by_verb is not action.crud
    }
    assert differing == {"workspace:revoke"}  # the workspace stays; who may enter it changes
