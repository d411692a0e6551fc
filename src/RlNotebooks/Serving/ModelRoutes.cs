using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using RlPrimitives.Environments;

namespace RlNotebooks.Serving;

/// <summary>What is served, its tokenizer, and changes of its weights.</summary>
internal static class ModelRoutes
{
    /// <summary>Routes that change weights, by vLLM's names.</summary>
    public static IReadOnlyList<(string Path, Func<HttpContext, ServedModels, Task> Answer)> WeightUpdates { get; } =
    [
        ("/v1/load_lora_adapter", LoadAdapterAsync),
        ("/v1/unload_lora_adapter", UnloadAdapterAsync),
        ("/pause", PauseAsync),
        ("/resume", ResumeAsync),
        ("/collective_rpc", CallAsync),
        ("/reset_prefix_cache", (context, _) => context.AnswerAsync(new JsonObject())), // what was computed with other weights is forgotten without being told
    ];

    public static Task ListAsync(HttpContext context, ServedModels models, ServerOptions options)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var list = new JsonArray([.. models.Names.Select(m => (JsonNode)new JsonObject
        {
            ["id"] = m.Name, ["object"] = "model", ["created"] = now, ["owned_by"] = "rlnotebooks", ["root"] = m.IsAdapter ? m.Name : options.ModelName,
            ["parent"] = m.IsAdapter ? options.ModelName : null, ["max_model_len"] = m.IsAdapter ? null : models.ContextLength,
        })]);
        return context.AnswerAsync(new JsonObject { ["object"] = "list", ["data"] = list });
    }

    public static async Task TokenizeAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        using var lease = await models.UseAsync(body.Text("model"), context.RequestAborted).ConfigureAwait(false);
        var ids = body["messages"] is null
            ? lease.Module.Tokenizer.Encode(body.Text("prompt") ?? throw ServingException.Bad("'prompt' or 'messages' is missing.", "prompt"), body.Flag("add_special_tokens", otherwise: true))
            : !body.Flag("add_generation_prompt", otherwise: true) ? throw ServingException.Bad("'add_generation_prompt' must be true: messages end where the model begins to speak.", "add_generation_prompt")
            : lease.Module.EncodeChat(ChatMessages.Read(body), ChatMessages.Options(body));
        await context.AnswerAsync(new JsonObject
        {
            ["count"] = ids.Length, ["max_model_len"] = lease.Module.ContextLength, ["tokens"] = WireChoice.Ids(ids),
            ["token_strs"] = body.Flag("return_token_strs") ? new JsonArray([.. ids.Select(id => (JsonNode)lease.Module.Tokenizer.Decode([id], skipSpecialTokens: false))]) : null,
        }).ConfigureAwait(false);
    }

    public static async Task DetokenizeAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        using var lease = await models.UseAsync(body.Text("model"), context.RequestAborted).ConfigureAwait(false);
        var ids = body.Integers("tokens") ?? throw ServingException.Bad("'tokens' is missing.", "tokens");
        await context.AnswerAsync(new JsonObject { ["prompt"] = lease.Module.Tokenizer.Decode(ids, skipSpecialTokens: false) }).ConfigureAwait(false);
    }

    private static async Task LoadAdapterAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        var name = body.Needed("lora_name");
        await models.LoadAdapterAsync(name, body.Needed("lora_path"), body.Flag("load_inplace"), context.RequestAborted).ConfigureAwait(false);
        await context.Response.WriteAsync($"Success: LoRA adapter '{name}' added successfully.", context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task UnloadAdapterAsync(HttpContext context, ServedModels models)
    {
        var name = (await RequestBody.ReadAsync(context).ConfigureAwait(false)).Needed("lora_name");
        models.UnloadAdapter(name);
        await context.Response.WriteAsync($"Success: LoRA adapter '{name}' removed successfully.", context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task PauseAsync(HttpContext context, ServedModels models)
    {
        var mode = context.Request.Query["mode"].FirstOrDefault() ?? "abort";
        await models.PauseAsync(mode switch
        {
            "wait" => false,
            "abort" => true,
            _ => throw ServingException.Bad($"'mode' is '{mode}'; there are wait and abort.", "mode"),
        }, context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new JsonObject { ["status"] = "paused" }).ConfigureAwait(false);
    }

    private static Task ResumeAsync(HttpContext context, ServedModels models)
    {
        models.Resume();
        return context.AnswerAsync(new JsonObject { ["status"] = "resumed" });
    }

    private static async Task CallAsync(HttpContext context, ServedModels models)
    {
        var body = await RequestBody.ReadAsync(context).ConfigureAwait(false);
        if (body.Needed("method") is not "reload_weights" and var other)
        {
            throw ServingException.Bad($"'method' is '{other}'; there is reload_weights.", "method");
        }

        var how = RequestBody.Of(body["kwargs"] ?? default, "kwargs");
        await models.ReloadAsync(how.Needed("weights_path"), context.RequestAborted).ConfigureAwait(false);
        await context.AnswerAsync(new JsonObject { ["results"] = new JsonArray([null]) }).ConfigureAwait(false);
    }
}
