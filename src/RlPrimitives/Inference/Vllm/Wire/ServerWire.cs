namespace RlPrimitives.Inference.Wire;

/// <summary>GET /v1/models.</summary>
internal sealed record ModelList
{
    public ServedModel[]? Data { get; init; }
}

internal sealed record ServedModel
{
    public string? Id { get; init; }

    public int? MaxModelLen { get; init; }
}

/// <summary>POST /tokenize.</summary>
internal sealed record TokenizeRequest(string Model, string Prompt, bool AddSpecialTokens);

internal sealed record TokenizeResponse
{
    public int[]? Tokens { get; init; }
}

/// <summary>POST /detokenize.</summary>
internal sealed record DetokenizeRequest(string Model, int[] Tokens);

internal sealed record DetokenizeResponse
{
    public string? Prompt { get; init; }
}

/// <summary>POST /v1/load_lora_adapter.</summary>
internal sealed record LoadLoraRequest(string LoraName, string LoraPath);

/// <summary>POST /v1/unload_lora_adapter.</summary>
internal sealed record UnloadLoraRequest(string LoraName);

/// <summary>POST /collective_rpc.</summary>
internal sealed record ReloadWeightsRequest(string Method, ReloadWeightsArguments Kwargs);

internal sealed record ReloadWeightsArguments(string WeightsPath, bool IsCheckpointFormat);

/// <summary>What a refusal says; OpenAI's form, or the plain message of other layers.</summary>
internal sealed record ErrorResponse
{
    public ErrorBody? Error { get; init; }

    public string? Message { get; init; }
}

internal sealed record ErrorBody
{
    public string? Message { get; init; }
}
