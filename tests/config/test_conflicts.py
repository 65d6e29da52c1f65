"""Settings of data that are valid text, and still make no sense."""

from __future__ import annotations

import pytest

from sentibp.config.load import load_config
from sentibp.errors import ConfigError

WRONG = {
    "data.encoding=cp1525": "'cp1525' is no encoding of text; did you mean 'cp1252'?",
    "data.encoding=base64": "'base64' is no encoding of text; ",
    "data.encoding=idna": "'idna' is no encoding of text; ",
    "data.encoding=klingon": "'klingon' is no encoding of text; choose from utf-8, cp1252, latin-1, utf-16",
    'data.separator=";;"': "';;' is not one punctuation mark; write a single character, such as ';', or tab",
    "data.separator=x": "'x' is not one punctuation mark; ",
    "data.columns=[a,b,a]": "'a' is there twice; give each column its own name",
    "data.quoting=doubled": "'doubled' is not one of double, backslash, none; did you mean ",
}


@pytest.mark.parametrize("setting", WRONG)
def test_wrong_settings_of_data(setting):
    with pytest.raises(ConfigError) as caught:
        load_config("quickstart", [setting])
    assert WRONG[setting] in str(caught.value)


@pytest.mark.parametrize(
    "setting", ["data.encoding=Windows-1252", "data.encoding=utf_16_le", "data.separator=tab", 'data.separator="|"']
)
def test_settings_of_data(setting):
    assert load_config("quickstart", [setting]).config.data != load_config("quickstart").config.data
