"""Proxies and leniency are carried over; a password is not."""

from __future__ import annotations

from terraphim_runner.adapters.images.apt_setting import AptSetting, for_guest, parse_apt_config

DUMP = """\
APT "";
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://localhost:3142";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::https::Proxy "http://me:secret@proxy.example:8080";
Acquire::Check-Date "false";
Acquire::AllowInsecureRepositories "1";
Acquire::CompressionTypes:: "xz";
"""


def test_only_settings_without_which_packages_may_not_be_had_are_taken() -> None:
    names = [setting.name for setting in parse_apt_config(DUMP)]

    assert names == [
        "Acquire::http::Proxy",
        "Acquire::http::Proxy::mirror.example",
        "Acquire::https::Proxy",
        "Acquire::Check-Date",
    ]


def test_a_guest_gets_no_password_and_its_own_view_of_the_host() -> None:
    rendered = [setting.render() for setting in for_guest(parse_apt_config(DUMP))]

    assert rendered == [
        'Acquire::http::Proxy "http://10.0.2.2:3142";',
        'Acquire::http::Proxy::mirror.example "DIRECT";',
        'Acquire::Check-Date "false";',
    ]


def test_a_setting_is_written_as_apt_reads_it() -> None:
    assert AptSetting("Acquire::Retries", "3").render() == 'Acquire::Retries "3";'
