//! Arguments in, exit code out.

mod allocator;

fn main() -> std::process::ExitCode {
    allocator::keep_what_is_freed();
    doublebuy::cli::main()
}
