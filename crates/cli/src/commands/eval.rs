//! `eval`: scripts in a fresh service-worker global scope.

use crate::args::EvalArgs;
use crate::failure::Failure;
use crate::output;
use std::fs;
use wakeworker_quickjs::{ConsoleLevel, ConsoleLine, EvalOptions, Runtime};

/// Runs the scripts. Their console goes to standard output, warnings and errors to standard error.
pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let mut scripts = Vec::new();
    for file in &args.files {
        let name = file.display().to_string();
        let bytes =
            fs::read(file).map_err(|e| Failure::new(format!("the script {name} cannot be read: {e}")))?;
        let source = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            Failure::new(format!("the script {name} is not UTF-8 (at byte {at}); convert it first"))
        })?;
        scripts.push((name, source));
    }
    let options = EvalOptions { timeout: args.timeout, ..EvalOptions::default() };
    let mut unprintable = None;
    let mut shown = String::new();
    let outcome = Runtime::evaluate(options, scripts, |line| {
        if let Err(failure) = print(&line, &mut shown) {
            unprintable.get_or_insert(failure);
        }
    })
    .map_err(|e| Failure::new(e.to_string()))?;
    if let Some(failure) = unprintable {
        return Err(failure);
    }
    // What the console has shown need not be said again.
    for error in outcome.errors.iter().filter(|error| !shown.contains(error.as_str())) {
        output::error(error);
    }
    if outcome.timed_out {
        return Err(Failure::new(format!(
            "the scripts were not done within {} s; a longer time can be set with --timeout",
            args.timeout.as_secs_f64()
        )));
    }
    if outcome.errors.is_empty() { Ok(()) } else { Err(Failure::shown()) }
}

fn print(line: &ConsoleLine, shown: &mut String) -> Result<(), Failure> {
    match line.level {
        ConsoleLevel::Warn | ConsoleLevel::Error => {
            output::remark(&line.text);
            shown.push_str(&line.text);
            shown.push('\n');
            Ok(())
        }
        _ => output::line(&line.text),
    }
}
