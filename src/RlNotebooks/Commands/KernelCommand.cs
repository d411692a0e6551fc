using System.CommandLine;
using System.Runtime.InteropServices;
using RlNotebooks.Kernel;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Commands;

/// <summary><c>kernel</c>: makes Jupyter clients find this program as a kernel, and is that kernel.</summary>
internal static class KernelCommand
{
    private const int PoolThreads = 32;

    public static Command Create()
    {
        var command = new Command("kernel", "The Jupyter kernel: for VS Code, JupyterLab and every other client.");
        command.Subcommands.Add(Install());
        command.Subcommands.Add(Uninstall());
        command.Subcommands.Add(List());
        command.Subcommands.Add(Start());
        return command;
    }

    private static Command Install()
    {
        var force = new Option<bool>("--force") { Description = "Overwrite kernels of these names." };
        var command = new Command("install", $"Installs the kernel for this user as '{KernelSpec.OwnName}', and as '{KernelSpec.SharedName}' unless another kernel has that name.") { force };
        command.SetAction(parsed => Reported(() => Install(parsed.GetValue(force))));
        return command;
    }

    private static Command Uninstall()
    {
        var command = new Command("uninstall", "Removes what 'kernel install' wrote for this user; other kernels stay.");
        command.SetAction(_ => Reported(() =>
        {
            var own = KernelSpec.All().Where(s => s.IsOwn && Path.GetDirectoryName(s.Folder) == KernelFolders.User).ToArray();
            foreach (var spec in own)
            {
                Directory.Delete(spec.Folder, recursive: true);
                Console.WriteLine($"removed {spec.Folder}");
            }

            if (own.Length == 0)
            {
                Console.WriteLine($"nothing of this program is installed in {KernelFolders.User}");
            }

            return 0;
        }));
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "Lists the kernels that clients of this user find.");
        command.SetAction(_ => Reported(() =>
        {
            foreach (var spec in KernelSpec.All())
            {
                Console.WriteLine($"{(spec.IsOwn ? "*" : " ")} {spec.Name,-22} {spec.DisplayName,-26} {spec.Folder}{(spec.IsUsable ? "" : "  (what it starts is gone: kernel install --force)")}");
            }

            Console.WriteLine("* of this program");
            return 0;
        }));
        return command;
    }

    private static Command Start()
    {
        var file = new Argument<string>("connection_file") { Description = "Written by the client." };
        var remote = new Option<bool>("--allow-remote") { Description = "Listen at an address that other machines reach, if the connection file names one." };
        var command = new Command("start", "Starts the kernel; clients do this.") { file, remote };
        command.SetAction(parsed => StartAsync(parsed.GetValue(file)!, parsed.GetValue(remote)));
        return command;
    }

    private static int Install(bool force)
    {
        var known = KernelSpec.All();
        var installed = 0;
        var refused = 0;
        foreach (var name in new[] { KernelSpec.OwnName, KernelSpec.SharedName })
        {
            var other = known.FirstOrDefault(s => s.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (other is null || force)
            {
                Console.WriteLine($"installed '{KernelSpec.Write(name).DisplayName}' in {Path.Combine(KernelFolders.User, name)}");
                installed++;
            }
            else if (other.IsOwn && File.ReadAllText(Path.Combine(other.Folder, "kernel.json")) == KernelSpec.Content(name))
            {
                Console.WriteLine($"'{other.DisplayName}' is installed already in {other.Folder}");
            }
            else if (other.IsOwn || name == KernelSpec.OwnName)
            {
                Console.Error.WriteLine($"'{name}' is installed already and starts something else: {other.Folder}. Overwrite it with --force.");
                refused++;
            }
            else
            {
                Console.WriteLine($"'{name}' belongs to another kernel and stays as it is: {other.Folder}. To have this program under that name too, say --force.");
            }
        }

        return refused > 0 && installed == 0 ? 1 : 0;
    }

    private static async Task<int> StartAsync(string path, bool allowRemote)
    {
        // A cell must not write into the client's own log, so what the kernel has to say itself goes to the real standard error.
        var log = Console.Error;
        try
        {
            // Cells that keep many threads of the pool busy must not keep the kernel from answering.
            ThreadPool.SetMinThreads(PoolThreads, PoolThreads);
            var connection = ConnectionFile.Read(path, allowRemote);
            using var server = new KernelServer(connection, Environment.CurrentDirectory, log);
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal =>
            {
                signal.Cancel = true;
                server.Interrupt();
            });
            ParentProcess.OnEnd(server.Stop);
            await server.RunAsync();
            server.Interrupt();
            server.Dispose();
            Environment.Exit(0); // Not by returning: a cell's own threads would keep the process.
            return 0;
        }
        catch (KernelException e)
        {
            await log.WriteLineAsync(e.Message);
            return RunCommand.Unusable;
        }
    }

    private static int Reported(Func<int> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is KernelException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{e.Message} The kernels of this user are in {KernelFolders.User}; JUPYTER_DATA_DIR names another place.");
            return RunCommand.Failed;
        }
    }
}
