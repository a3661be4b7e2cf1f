// The `sprint` command. Everything is in the library, so that tests reach it.
#include "cli/commands.h"

int main(int argc, char** argv) { return sprint::RunCli(argc, argv); }
