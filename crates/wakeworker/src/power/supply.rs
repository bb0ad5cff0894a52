//! What Linux says of its power supplies: one directory each in `/sys/class/power_supply`, with a file for each fact
//! (<https://docs.kernel.org/power/power_supply_class.html>).

use std::fs;
use std::path::Path;

/// Whether no battery of the machine itself is being drained. A machine without one counts as charging (R227), and so
/// does one whose supplies cannot be read: what cannot be known must not hold events back for ever.
pub(super) fn is_charging(class: &Path) -> bool {
    let Ok(supplies) = fs::read_dir(class) else { return true };
    let mut drained = false;
    for supply in supplies.flatten() {
        let fact = |name: &str| fs::read_to_string(supply.path().join(name)).unwrap_or_default();
        match fact("type").trim() {
            // A mouse or a headset has a battery too; it does not feed the machine.
            "Battery" if fact("scope").trim() != "Device" => {
                drained |= fact("status").trim() == "Discharging";
            }
            // Some batteries say "Discharging" while they are full and plugged in.
            "Mains" | "USB" | "Wireless" if fact("online").trim() == "1" => return true,
            _ => {}
        }
    }
    !drained
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(supplies: &[(&str, &[(&str, &str)])]) -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        for (name, facts) in supplies {
            let directory = class.path().join(name);
            fs::create_dir(&directory).unwrap();
            for (fact, value) in *facts {
                fs::write(directory.join(fact), format!("{value}\n")).unwrap();
            }
        }
        class
    }

    #[test] // R227
    fn only_a_battery_of_the_machine_that_is_drained_counts() {
        let unplugged: (&str, &[(&str, &str)]) = ("AC", &[("type", "Mains"), ("online", "0")]);
        let plugged: (&str, &[(&str, &str)]) = ("AC", &[("type", "Mains"), ("online", "1")]);
        let drained: (&str, &[(&str, &str)]) = ("BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        let full: (&str, &[(&str, &str)]) = ("BAT0", &[("type", "Battery"), ("status", "Full")]);
        let mouse: (&str, &[(&str, &str)]) =
            ("hidpp_0", &[("type", "Battery"), ("scope", "Device"), ("status", "Discharging")]);
        let broken: (&str, &[(&str, &str)]) = ("BAT9", &[("type", "\u{0}\u{1}")]);
        for (expected, supplies) in [
            (true, &[][..]),
            (true, &[plugged]),
            (true, &[unplugged]),
            (false, &[unplugged, drained]),
            (false, &[drained]),
            (true, &[plugged, drained]),
            (true, &[drained, plugged]),
            (true, &[unplugged, full]),
            (true, &[mouse]),
            (false, &[mouse, drained, broken]),
            (true, &[broken]),
        ] {
            assert_eq!(is_charging(machine(supplies).path()), expected, "{supplies:?}");
        }
    }

    #[test] // R227
    fn a_machine_that_tells_nothing_counts_as_charging() {
        let class = tempfile::tempdir().unwrap();
        assert!(is_charging(&class.path().join("missing")));
    }
}
