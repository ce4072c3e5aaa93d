//! The program from outside: arguments and files in; text, JSON and an exit
//! code out.

mod bad_input;
mod campaign;
mod house;
mod json;
mod replay;
mod serve;
mod streams;
