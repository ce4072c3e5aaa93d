//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    doublebuy::cli::main()
}
