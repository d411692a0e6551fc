using System.CommandLine;
using RlNotebooks.Commands;
using RlNotebooks.Engine;

// Before other threads are started: they inherit it.
RuntimeSignal.Allow();

var root = new RootCommand("Runs C# notebooks for reinforcement learning of language models.");
root.Subcommands.Add(RunCommand.Create());
root.Subcommands.Add(KernelCommand.Create());
root.Subcommands.Add(ServeCommand.Create());
root.Subcommands.Add(MakeDataCommand.Create());
root.Subcommands.Add(InfoCommand.Create());

// Time for the interrupted cell to stop and for the output to be written after Ctrl+C.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
