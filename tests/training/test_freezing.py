"""What learns, and for how long."""

import pytest

from fewtext.training.freezing import learning


def learns(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("freeze_encoder", [False, True])
@pytest.mark.parametrize("trains_membership", [False, True])
def test_it_ends_with_training_and_what_the_user_froze_stays(model, freeze_encoder, trains_membership):
    model.encoder.embeddings.requires_grad_(False)
    before = learns(model)
    with pytest.raises(KeyboardInterrupt), learning(model, freeze_encoder, trains_membership):
        inside = learns(model)
        raise KeyboardInterrupt
    assert learns(model) == before
    assert any(name.startswith("encoder.") for name in inside) != freeze_encoder
    assert not any(name.startswith("encoder.embeddings.") for name in inside)
    assert ("matcher.membership.weight" in inside) == trains_membership
    assert "matcher.log_temperature" in inside


def test_a_matcher_that_the_user_froze_stays_frozen(model):
    model.matcher.requires_grad_(False)
    with learning(model, False, True):
        assert not any(name.startswith("matcher.") for name in learns(model))
