using System.Diagnostics;
using System.Text.Json.Nodes;
using NetMQ;

namespace RlNotebooks.Tests.Kernel;

/// <summary>The Jupyter protocol, spoken with a real kernel process.</summary>
[Collection(KernelCollection.Name)]
public sealed class KernelProtocolTests(KernelFixture kernel)
{
    private KernelClient Client => kernel.Client;

    [Fact]
    public void The_kernel_says_what_it_is()
    {
        var info = Client.Ask("kernel_info_request", []);
        Assert.Equal(("ok", "5.3", "C#", ".cs"), (info["status"]!.ToString(), info["protocol_version"]!.ToString(), info["language_info"]!["name"]!.ToString(), info["language_info"]!["file_extension"]!.ToString()));
    }

    [Fact]
    public void A_cells_value_is_its_result_and_variables_stay()
    {
        Assert.Empty(Client.Execute("var kept = 20;").Shown);
        var (reply, shown) = Client.Execute("kept + 22");
        Assert.Equal("ok", reply["status"]!.ToString());
        var result = Assert.Single(shown);
        Assert.Equal(("execute_result", "42"), (result.Type, result.Plain));
        Assert.Equal(reply["execution_count"]!.GetValue<int>(), result.Content["execution_count"]!.GetValue<int>());
    }

    [Fact]
    public void Text_arrives_while_the_cell_runs()
    {
        var id = Client.SendCell("Console.WriteLine(\"early\"); Console.Error.WriteLine(\"oops\"); System.Threading.Thread.Sleep(1500); Console.Write(\"late\");");
        Assert.Equal("early\n", Client.TryOutput(m => m.Cause == id && m.Type == "stream", KernelClient.Patience)!.Content["text"]!.ToString());
        Assert.Null(Client.TryReply(Client.Shell, id, TimeSpan.FromMilliseconds(300)));
        Client.Reply(Client.Shell, id);
        Assert.Equal([("stderr", "oops\n"), ("stdout", "late")], Client.Shown(id).Select(m => (m.Content["name"]!.ToString(), m.Content["text"]!.ToString())));
    }

    [Fact]
    public void A_display_is_updated_by_its_id_also_from_a_later_cell()
    {
        var first = Client.Execute("var d = display(\"one\"); d.Update(\"two\");").Shown;
        Assert.Equal(["display_data", "update_display_data"], first.Select(m => m.Type));
        var later = Assert.Single(Client.Execute("d.Update(HTML(\"<b>three</b>\"));").Shown);
        Assert.Single(first.Append(later).Select(m => m.Content["transient"]!["display_id"]!.ToString()).Distinct());
        Assert.Equal("<b>three</b>", later.Content["data"]!["text/html"]!.ToString());
    }

    [Fact]
    public void Json_is_an_object_and_output_can_be_cleared()
    {
        var (reply, shown) = Client.Execute("\"{\\\"a\\\": [1]}\".DisplayAs(\"application/vnd.plotly.v1+json\"); ClearOutput(true);");
        Assert.True(reply["status"]!.ToString() == "ok", reply.ToJsonString());
        Assert.Equal(1, shown[0].Content["data"]!["application/vnd.plotly.v1+json"]!["a"]![0]!.GetValue<int>());
        Assert.Equal(("clear_output", true), (shown[1].Type, shown[1].Content["wait"]!.GetValue<bool>()));
    }

    [Fact]
    public void Errors_name_the_cells_line()
    {
        var (compile, _) = Client.Execute("var fine = 1;\nint wrong = \"text\";");
        Assert.Contains("line 2, column 13", Traceback(compile), StringComparison.Ordinal);
        Assert.Contains("int wrong = \"text\";", Traceback(compile), StringComparison.Ordinal);
        Client.Execute("void Thrower()\n{\n    throw new InvalidOperationException(\"boom\");\n}");
        var (thrown, shown) = Client.Execute("1.ToString();\nThrower();");
        Assert.Equal(("error", "InvalidOperationException", "boom"), (thrown["status"]!.ToString(), thrown["ename"]!.ToString(), thrown["evalue"]!.ToString()));
        Assert.Matches(@"at Thrower\(\) in cell \d+, line 3", Traceback(thrown));
        Assert.Matches(@"at cell \d+, line 2", Traceback(thrown));
        Assert.Equal("error", Assert.Single(shown).Type);
    }

    [Fact]
    public void Cells_sent_behind_a_failing_one_are_aborted()
    {
        var (failing, waiting) = (Client.SendCell("System.Threading.Thread.Sleep(300); throw new Exception();"), Client.SendCell("Console.WriteLine(\"never\")"));
        Assert.Equal("error", Client.Reply(Client.Shell, failing)["status"]!.ToString());
        Assert.Equal("aborted", Client.Reply(Client.Shell, waiting)["status"]!.ToString());
        Assert.Empty(Client.Shown(waiting));
    }

    [Fact]
    public void A_silent_cell_shows_no_value_and_is_not_counted()
    {
        var before = Client.Execute("1").Reply["execution_count"]!.GetValue<int>();
        Assert.Empty(Client.Execute("2", isSilent: true).Shown);
        var id = Client.SendCell("3", expressions: new JsonObject { ["sum"] = "1 + 1", ["wrong"] = "nothing" });
        var reply = Client.Reply(Client.Shell, id);
        Client.Shown(id);
        Assert.Equal(before + 1, reply["execution_count"]!.GetValue<int>());
        Assert.Equal("2", reply["user_expressions"]!["sum"]!["data"]!["text/plain"]!.ToString());
        Assert.Equal("error", reply["user_expressions"]!["wrong"]!["status"]!.ToString());
    }

    [Fact]
    public void Completion_knows_earlier_cells_and_counts_characters_as_readers_do()
    {
        Client.Execute("var someNumbers = new List<int>();");
        const string code = "var s = \"😀\"; someNumbers.AddR";
        var reply = Client.Ask("complete_request", new JsonObject { ["code"] = code, ["cursor_pos"] = code.Length - 1 });
        Assert.Equal("AddRange", reply["matches"]![0]!.ToString());
        Assert.Equal((code.Length - 5, code.Length - 1), (reply["cursor_start"]!.GetValue<int>(), reply["cursor_end"]!.GetValue<int>()));
        Assert.Contains("someNumbers", Client.Ask("complete_request", new JsonObject { ["code"] = "#!time\nsomeN", ["cursor_pos"] = 12 })["matches"]!.AsArray().Select(m => m!.ToString()));
    }

    [Fact]
    public void Inspection_shows_declaration_and_documentation()
    {
        var reply = Client.Ask("inspect_request", new JsonObject { ["code"] = "Math.Sqrt(2.0)", ["cursor_pos"] = 10, ["detail_level"] = 0 });
        Assert.True(reply["found"]!.GetValue<bool>());
        Assert.StartsWith("static double Math.Sqrt(double d)\n\nReturns the square root of a specified number.", reply["data"]!["text/plain"]!.ToString(), StringComparison.Ordinal);
        Client.Execute($"#r \"{typeof(RlPrimitives.Notebooks.NotebookHost).Assembly.Location.Replace('\\', '/')}\"");
        var library = Client.Ask("inspect_request", new JsonObject { ["code"] = "var x = RlPrimitives.Notebooks.NotebookHost.Current", ["cursor_pos"] = 40 });
        Assert.Contains("The host that this process's output goes to.", library["data"]!["text/plain"]!.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("var x = 1;", "complete", null)]
    [InlineData("  if (x) {", "incomplete", "      ")]
    [InlineData("var x = );", "invalid", null)]
    [InlineData("#!time\nx", "complete", null)]
    public void Completeness_is_judged(string code, string status, string? indent)
    {
        var reply = Client.Ask("is_complete_request", new JsonObject { ["code"] = code });
        Assert.Equal((status, indent), (reply["status"]!.ToString(), reply["indent"]?.ToString()));
    }

    [Fact]
    public void History_is_told_by_tail_range_and_search()
    {
        var mark = $"{Random.Shared.Next(10_000, 99_999)} + 1";
        var number = Client.Execute(mark).Reply["execution_count"]!.GetValue<int>();
        Assert.Equal(mark, History(new() { ["hist_access_type"] = "tail", ["n"] = 1 })[0]![2]!.ToString());
        Assert.Equal(number, History(new() { ["hist_access_type"] = "range", ["session"] = 0, ["start"] = number, ["stop"] = number + 1 })[0]![1]!.GetValue<int>());
        Assert.Single(History(new() { ["hist_access_type"] = "search", ["pattern"] = mark.Replace(mark[1..3], "?*", StringComparison.Ordinal) }));
        Assert.Equal(2, History(new() { ["hist_access_type"] = "tail", ["n"] = 1, ["output"] = true })[0]![2]!.AsArray().Count);
    }

    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("await Task.Delay(20); var i = 0L; while (true) { i++; }")]
    [InlineData("async Task Spin() { await Task.Yield(); while (true) { } }\nSpin().Wait();")]
    [InlineData("System.Threading.Thread.Sleep(60_000);")]
    [InlineData("await Task.Delay(60_000);")]
    public void An_interrupt_ends_a_cell_within_a_second_and_variables_stay(string code)
    {
        Client.Execute("var survivor = 7;");
        var id = Client.SendCell(code);
        Thread.Sleep(700);
        var clock = Stopwatch.StartNew();
        Client.Reply(Client.Control, Client.Send(Client.Control, "interrupt_request", []));
        Assert.Equal("error", Client.Reply(Client.Shell, id)["status"]!.ToString());
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2), $"{clock.Elapsed}");
        Client.Shown(id);
        Assert.Equal("7", Client.Execute("survivor").Shown[0].Plain);
    }

    [Fact]
    public void Waiting_for_the_cells_own_task_does_not_block_it() =>
        Assert.Equal("5", Client.Execute("async Task<int> Five() { await Task.Delay(10); await Task.Yield(); return 5; }\nFive().Result").Shown[0].Plain);

    [Fact]
    public void Input_is_asked_of_the_client_that_runs_the_cell()
    {
        var id = Client.SendCell("var name = await Kernel.GetInputAsync(\"name?\"); $\"{name} {Console.ReadLine()}\"");
        foreach (var (prompt, answer) in new[] { ("name?", "Ada"), ("", "Lovelace") })
        {
            var question = Client.TryReceive(Client.Input, KernelClient.Patience)!;
            Assert.Equal(("input_request", prompt), (question.Type, question.Content["prompt"]!.ToString()));
            Client.Send(Client.Input, "input_reply", new JsonObject { ["value"] = answer }, question.Header);
        }

        Client.Reply(Client.Shell, id);
        Assert.Equal("Ada Lovelace", Client.Shown(id)[0].Plain);
        id = Client.SendCell("Console.ReadLine()", allowsInput: false);
        Assert.Contains("lets nobody answer", Client.Reply(Client.Shell, id)["evalue"]!.ToString(), StringComparison.Ordinal);
        Client.Shown(id);
    }

    [Fact]
    public void Questions_are_answered_while_a_cell_runs()
    {
        Client.Ask("complete_request", new JsonObject { ["code"] = "Math.Ab", ["cursor_pos"] = 7 });
        var id = Client.SendCell("System.Threading.Thread.Sleep(2500);");
        Assert.NotNull(Client.TryOutput(m => m.Cause == id && m.State == "busy", KernelClient.Patience));
        var question = Client.Send(Client.Shell, "complete_request", new JsonObject { ["code"] = "Math.Ab", ["cursor_pos"] = 7 });
        Assert.Equal("Abs", Client.TryReply(Client.Shell, question, TimeSpan.FromSeconds(2))!["matches"]![0]!.ToString());
        Assert.NotNull(Client.TryOutput(m => m.Cause == question && m.State == "idle", KernelClient.Patience));
        Assert.NotNull(Client.TryOutput(m => m.Cause == id && m.State == "busy", KernelClient.Patience));
        Client.Reply(Client.Shell, id);
        Client.Shown(id);
    }

    [Fact]
    public void Comms_are_closed_and_unknown_requests_answered()
    {
        Assert.Empty(Client.Ask("comm_info_request", [])["comms"]!.AsObject());
        var id = Client.Send(Client.Shell, "comm_open", new JsonObject { ["comm_id"] = "c", ["target_name"] = "t", ["data"] = new JsonObject() });
        Assert.Equal("c", Client.TryOutput(m => m.Cause == id && m.Type == "comm_close", KernelClient.Patience)!.Content["comm_id"]!.ToString());
        Assert.Equal("error", Client.Ask("surprise_request", [])["status"]!.ToString());
    }

    [Fact]
    public void The_heartbeat_comes_back()
    {
        Client.Heartbeat.SendFrame("ping");
        Assert.True(Client.Heartbeat.TryReceiveFrameString(KernelClient.Patience, out var answer));
        Assert.Equal("ping", answer);
    }

    private static string Traceback(JsonObject reply) => string.Join('\n', reply["traceback"]!.AsArray().Select(l => l!.ToString())).Replace("\e[1;31m", "", StringComparison.Ordinal).Replace("\e[0m", "", StringComparison.Ordinal);

    private JsonArray History(JsonObject request)
    {
        request["raw"] = true;
        request["output"] ??= false;
        return Client.Ask("history_request", request)["history"]!.AsArray();
    }
}
