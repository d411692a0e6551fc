using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using NetMQ;
using NetMQ.Sockets;
using RlNotebooks.Engine;

namespace RlNotebooks.Tests.Kernel;

/// <summary>What must not end a kernel, and what must.</summary>
[Collection(KernelCollection.Name)]
public sealed class KernelRobustnessTests(KernelFixture kernel)
{
    private KernelClient Client => kernel.Client;

    [Fact]
    public void Wrong_signatures_replays_and_garbage_are_ignored()
    {
        var forged = Guid.NewGuid().ToString();
        Client.Shell.SendMultipartBytes(Client.Frames(forged, "execute_request", new JsonObject { ["code"] = "1" }, null, "another key"));
        var twice = Client.Frames("twice", "kernel_info_request", [], null, kernel.Process.Connection["key"]!.ToString());
        Client.Shell.SendMultipartBytes(twice);
        Client.Shell.SendMultipartBytes(twice);
        foreach (var frames in new byte[][][] { [[]], [[1, 2], [0xff]], ["<IDS|MSG>"u8.ToArray()], ["<IDS|MSG>"u8.ToArray(), [], [], [], [], []], [.. Enumerable.Repeat("{"u8.ToArray(), 40)] })
        {
            Client.Shell.SendMultipartBytes(frames);
            Client.Control.SendMultipartBytes(frames);
            Client.Input.SendMultipartBytes(frames);
        }

        var deep = Encoding.UTF8.GetString(Enumerable.Repeat((byte)'[', 100_000).ToArray());
        Client.Shell.SendMultipartBytes(["<IDS|MSG>"u8.ToArray(), Encoding.UTF8.GetBytes(deep), Encoding.UTF8.GetBytes(deep), [], [], []]);
        Assert.True(Client.TryReply(Client.Shell, "twice", TimeSpan.FromSeconds(10)) is not null, kernel.Process.Log);
        Assert.Null(Client.TryReply(Client.Shell, "twice", TimeSpan.FromMilliseconds(300)));
        Assert.Null(Client.TryReply(Client.Shell, forged, TimeSpan.FromMilliseconds(200)));
        Assert.Equal("2", Client.Execute("1 + 1").Shown[0].Plain);
        Assert.Contains("wrong signature", kernel.Process.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_started_by_a_program_that_blocks_the_runtimes_signal_can_be_interrupted_all_the_same()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        // A child process inherits the mask of the thread that starts it.
        RuntimeSignal.Change(how: 0);
        KernelProcess process;
        try
        {
            process = KernelProcess.Start();
        }
        finally
        {
            RuntimeSignal.Allow();
        }

        using (process)
        using (var client = new KernelClient(process.Connection))
        {
            // The runtime's own threads began before the program could do anything about it: they show that the block was inherited.
            Assert.Contains(Directory.GetDirectories($"/proc/{process.Process.Id}/task"), t => File.ReadLines(Path.Combine(t, "status")).Contains("SigBlk:\t0000000200000000"));
            var id = client.SendCell("while (true) { }");
            Thread.Sleep(1000);
            var clock = Stopwatch.StartNew();
            client.Send(client.Control, "interrupt_request", []);
            Assert.Equal("error", client.Reply(client.Shell, id)["status"]!.ToString());

            // After three seconds the kernel leaves a cell behind with its thread; a collection could then wait for that thread for ever.
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2.5), $"{clock.Elapsed}");
            Assert.Equal("1", client.Execute("GC.Collect(); 1").Shown[0].Plain);
        }
    }

    [Fact]
    public void Contents_of_the_wrong_kind_get_an_answer()
    {
        foreach (var type in new[] { "execute_request", "complete_request", "inspect_request", "is_complete_request", "history_request" })
        {
            Assert.NotNull(Client.Ask(type, new JsonObject { ["code"] = new JsonArray(1), ["cursor_pos"] = "x", ["silent"] = 3, ["n"] = new JsonObject(), ["user_expressions"] = 1 })["status"]);
        }

        Assert.Equal("ok", Client.Ask("complete_request", new JsonObject { ["code"] = "Ma", ["cursor_pos"] = 9_999 })["status"]!.ToString());
        Assert.Equal("ok", Client.Ask("complete_request", new JsonObject { ["code"] = "Ma", ["cursor_pos"] = -5 })["status"]!.ToString());
        Assert.Equal("ok", Client.Ask("complete_request", new JsonObject { ["code"] = "Ma" })["status"]!.ToString());
    }

    [Fact]
    public void An_exception_on_a_thread_of_a_cell_is_shown_and_survived()
    {
        var (_, shown) = Client.Execute("var t = new System.Threading.Thread(() => throw new InvalidOperationException(\"on a thread\")); t.Start(); t.Join();\nasync void Lost() { await Task.Yield(); throw new Exception(\"async void\"); }\nLost(); await Task.Delay(300);");
        var text = string.Concat(shown.Where(m => m.Type == "stream").Select(m => m.Content["text"]!.ToString()));
        Assert.Contains("InvalidOperationException: on a thread", text, StringComparison.Ordinal);
        Assert.Contains("Exception: async void", text, StringComparison.Ordinal);
        Assert.Equal("2", Client.Execute("1 + 1").Shown[0].Plain);
    }

    [Theory]
    [InlineData("""var late = new System.Threading.Timer(_ => throw new InvalidOperationException("late"), null, 300, -1);""")]
    [InlineData("""System.Threading.ThreadPool.QueueUserWorkItem(_ => { System.Threading.Thread.Sleep(300); throw new InvalidOperationException("late"); });""")]
    [InlineData("""async void Later() { await Task.Delay(300); throw new InvalidOperationException("late"); } Later();""")]
    public void An_exception_between_two_cells_is_survived(string code)
    {
        Assert.Equal("ok", Client.Execute(code).Reply["status"]!.ToString());
        Thread.Sleep(1200);
        Assert.False(kernel.Process.Process.HasExited, kernel.Process.Log);
        Assert.Equal("2", Client.Execute("1 + 1").Shown[^1].Plain);
    }

    [Fact]
    public void A_hundred_megabytes_of_text_are_cut_and_survived()
    {
        var (reply, shown) = Client.Execute("var line = new string('x', 999); for (var i = 0; i < 100_000; i++) Console.WriteLine(line);");
        Assert.Equal("ok", reply["status"]!.ToString());
        var text = string.Concat(shown.Select(m => m.Content["text"]!.ToString()));
        Assert.InRange(text.Length, 1_000_000, 1_000_100);
        Assert.EndsWith("output cut after 1000000 characters\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Clients_that_die_or_stop_reading_hold_up_nobody()
    {
        using (var deaf = new SubscriberSocket())
        {
            deaf.Options.ReceiveHighWatermark = 1;
            deaf.SubscribeToAnyTopic();
            deaf.Connect($"tcp://127.0.0.1:{kernel.Process.Connection["iopub_port"]}");
            using (var dead = new KernelClient(kernel.Process.Connection))
            {
                dead.SendCell("System.Threading.Thread.Sleep(200); for (var i = 0; i < 100; i++) display(new string('y', 10_000));");
            }

            var (reply, shown) = Client.Execute("var d = display(0); for (var i = 1; i <= 2_000; i++) d.Update(i);");
            Assert.Equal("ok", reply["status"]!.ToString());
            Assert.Equal("2000", shown[^1].Plain);
        }
    }

    [Fact]
    public void Two_kernels_do_not_know_each_other()
    {
        using var second = KernelProcess.Start();
        using var other = new KernelClient(second.Connection);
        Client.Execute("var mine = 1;");
        other.Execute("var mine = 2;");
        Assert.Equal(("1", "2"), (Client.Execute("mine").Shown[0].Plain, other.Execute("mine").Shown[0].Plain));

        // And a polite end: reply, farewell to everybody, process gone.
        var id = other.Send(other.Control, "shutdown_request", new JsonObject { ["restart"] = true });
        Assert.True(other.Reply(other.Control, id)["restart"]!.GetValue<bool>());
        Assert.NotNull(other.TryOutput(m => m.Type == "shutdown_reply", KernelClient.Patience));
        Assert.True(second.Process.WaitForExit(5_000));
        Assert.Equal(0, second.Process.ExitCode);
    }

    [Fact]
    public void Environment_exit_in_a_cell_is_told_before_the_process_goes()
    {
        using var process = KernelProcess.Start();
        using var client = new KernelClient(process.Connection);
        var (reply, shown) = client.Execute("Console.WriteLine(\"last words\"); Environment.Exit(3);");
        Assert.Equal(("error", "ProcessExit"), (reply["status"]!.ToString(), reply["ename"]!.ToString()));
        Assert.Equal(["stream", "error"], shown.Select(m => m.Type));
        Assert.True(process.Process.WaitForExit(5_000));
        Assert.Equal(3, process.Process.ExitCode);
    }

    [Fact]
    public void A_shutdown_ends_endless_loops_also_on_threads()
    {
        using var process = KernelProcess.Start();
        using var client = new KernelClient(process.Connection);
        client.SendCell("for (var i = 0; i < 3; i++) new System.Threading.Thread(() => { while (true) try { while (true) { } } catch { } }).Start();\nwhile (true) try { while (true) { } } catch { } finally { while (true) { } }");
        Thread.Sleep(1500);
        client.Send(client.Control, "shutdown_request", new JsonObject { ["restart"] = false });
        Assert.True(process.Process.WaitForExit(10_000));
    }

    [SkippableFact]
    public void The_kernel_ends_with_its_parent()
    {
        Skip.If(OperatingSystem.IsWindows(), "The parent is a shell.");
        using var process = KernelProcess.Start(file => new ProcessStartInfo("/bin/sh", ["-c", "dotnet \"$0\" kernel start \"$1\" & echo $! > pid; wait", KernelProcess.Program, file]));
        using (var client = new KernelClient(process.Connection))
        {
            client.SendCell("while (true) { }");
            Thread.Sleep(500);
        }

        using var own = Process.GetProcessById(int.Parse(File.ReadAllText(Path.Combine(process.Folder, "pid"))));
        process.Process.Kill(entireProcessTree: false);
        Assert.True(own.WaitForExit(8_000), "The kernel outlived its parent.");
    }

    [Theory]
    [InlineData("0.0.0.0", "can be reached from other machines")]
    [InlineData("192.0.2.1", "can be reached from other machines")]
    public void Addresses_that_others_reach_are_refused(string address, string message)
    {
        using var process = KernelProcess.Start(address: address);
        Assert.True(process.Process.WaitForExit(20_000));
        process.Process.WaitForExit();
        Assert.Equal(2, process.Process.ExitCode);
        Assert.Contains(message, process.Log, StringComparison.Ordinal);
    }
}
