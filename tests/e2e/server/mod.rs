//! `facegen serve` with a preset of random weights, over HTTP.

mod attacks;
mod browser;
mod bucket;
mod client;
mod clients;
mod connections;
mod control;
mod engines;
mod kills;
mod logs;
mod process;
mod receiver;
mod requests;
mod safety;
mod snippets;
mod stops;
mod uploads;
mod webhooks;
