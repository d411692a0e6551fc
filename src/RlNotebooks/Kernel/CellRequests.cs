using System.Text.Json.Nodes;
using RlNotebooks.Engine;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>Answers execute requests, one after the other.</summary>
internal sealed class CellRequests(NotebookSession session, OutputPublisher output, History history)
{
    private readonly Lock gate = new();
    private CancellationTokenSource? running;

    /// <summary>Runs the cell of a request. The reply is not sent yet; <c>status</c> in it says how it went.</summary>
    public async Task<JsonObject> ExecuteAsync(Message request)
    {
        var code = request.Text("code") ?? "";
        var isSilent = request.Flag("silent", false);
        var isStored = request.Flag("store_history", true) && !isSilent;
        if (code.Trim().Length == 0)
        {
            return Replies.Ok(("execution_count", session.ExecutionCount), ("payload", new JsonArray()), ("user_expressions", Expressions([])));
        }

        var number = session.ExecutionCount + (isStored ? 1 : 0);
        var cell = new CellCode(request.Id, $"cell {number}", code);
        output.Begin(cell.Id, request);
        if (!isSilent)
        {
            output.Publish("execute_input", request, new JsonObject { ["code"] = code, ["execution_count"] = number });
        }

        using var stop = new CancellationTokenSource();
        lock (gate)
        {
            running = stop;
        }

        CellResult result;
        try
        {
            result = await session.ExecuteAsync(cell, isStored, stop.Token).ConfigureAwait(false);
        }
        finally
        {
            lock (gate)
            {
                running = null;
            }
        }

        if (isStored)
        {
            history.Add(number, code, result.Value?.GetValueOrDefault("text/plain"));
        }

        return result.Error is { } error ? Failed(request, result, error, isSilent) : await SucceededAsync(request, result, isSilent).ConfigureAwait(false);
    }

    /// <summary>Ends the running cell, if one is.</summary>
    public void Interrupt()
    {
        lock (gate)
        {
            // Off this thread: cancelling runs what others registered.
            if (running is { } stop)
            {
                _ = stop.CancelAsync();
            }
        }
    }

    private JsonObject Failed(Message request, CellResult result, CellError error, bool isSilent)
    {
        var content = new JsonObject
        {
            ["ename"] = error.Name,
            ["evalue"] = error.Message,
            ["traceback"] = new JsonArray([.. ErrorColours.Of(error).Select(l => (JsonNode)l)]),
        };
        if (!isSilent)
        {
            output.Publish("error", request, content);
        }

        var reply = (JsonObject)content.DeepClone();
        reply["status"] = "error";
        reply["execution_count"] = result.ExecutionCount;
        reply["user_expressions"] = new JsonObject();
        reply["payload"] = new JsonArray();
        return reply;
    }

    private async Task<JsonObject> SucceededAsync(Message request, CellResult result, bool isSilent)
    {
        if (result.Value is { } value && !isSilent)
        {
            output.Publish("execute_result", request, new JsonObject
            {
                ["execution_count"] = result.ExecutionCount,
                ["data"] = OutputPublisher.Bundle(value),
                ["metadata"] = new JsonObject(),
            });
        }

        var expressions = new List<(string, CellResult)>();
        foreach (var (name, expression) in request.Content["user_expressions"] as JsonObject ?? [])
        {
            expressions.Add((name, await session.ExecuteAsync(new CellCode(request.Id, "expression", expression?.ToString() ?? ""), isCounted: false).ConfigureAwait(false)));
        }

        return Replies.Ok(("execution_count", result.ExecutionCount), ("payload", new JsonArray()), ("user_expressions", Expressions(expressions)));
    }

    private static JsonObject Expressions(IEnumerable<(string Name, CellResult Result)> results)
    {
        var answers = new JsonObject();
        foreach (var (name, result) in results)
        {
            answers[name] = result.Error is { } error ? Replies.Error(error.Name, error.Message, error.Traceback)
                : Replies.Ok(("data", result.Value is { } v ? OutputPublisher.Bundle(v) : new JsonObject()), ("metadata", new JsonObject()));
        }

        return answers;
    }
}
