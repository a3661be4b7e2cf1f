#include "cli/interrupts.h"

#include <unistd.h>

#include "cli/app.h"
#include "cli/terminal.h"

namespace sprint {

Interrupts::Interrupts() : watcher_([this](int count) { OnSignal(count); }) {}

void Interrupts::OnSignal(int count) {
  count_ = count;
  if (handled_) return;
  OpenTerminal(ColorMode::kAuto).err.Write("\nsprint: interrupted\n");
  _exit(kExitFailed);
}

}  // namespace sprint
